"""All exact clean-ups, in the order in which they help each other."""

from __future__ import annotations

from tflm_mcunet import tflite
from tflm_mcunet.errors import UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.transforms.edit import Rewrite, Rewritten, chained
from tflm_mcunet.transforms.equal_splits import equal_splits
from tflm_mcunet.transforms.fold_edges import fold_edges
from tflm_mcunet.transforms.fold_pad import fold_pad
from tflm_mcunet.transforms.fuse_activation import fuse_activation
from tflm_mcunet.transforms.grow_kernel import grow_kernels
from tflm_mcunet.transforms.identities import drop_dead_code, drop_identities


def clean(graph: Graph, *, io: str | None = None, max_mac_overhead: float = 1.0) -> Rewritten:
    """Apply every clean-up until none changes anything, and drop the tensors that nothing uses any more.

    The latter is no cosmetics: TFLite Micro gives bytes of the arena to every computed tensor of the file, used or not.

    Args:
        graph: Graph. Valid (see `tflite.verify`).
        io: str or None. "int8" makes float and uint8 inputs and outputs int8 where an operator at the edge only
            converts them; None keeps what the caller knows.
        max_mac_overhead: float. Above 1, PADs that cannot be folded for nothing are folded into larger kernels with
            zeros, as long as the MACs stay below this factor (see `grow_kernel`).

    Returns:
        Rewritten. The same graph object where there was nothing to do.

    Raises:
        UsageError: `io` is neither None nor "int8".
        ModelError: the graph is no valid model.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> from tflm_mcunet.ops import VALID
        >>> b = GraphBuilder()
        >>> x = b.pad(b.input((1, 8, 8, 3)), [(0, 0), (0, 1), (0, 1), (0, 0)])
        >>> y = b.op("RELU", [b.conv_2d(x, 4, (3, 3), stride=(2, 2), padding=VALID)])
        >>> [op.type for op in clean(b.finish([y])).graph.ops]
        ['CONV_2D']
    """
    if io not in (None, "int8"):
        raise UsageError(f"Expected `io` to be None or 'int8', got {io!r}")
    rewrites: list[Rewrite] = [drop_dead_code, drop_identities, equal_splits, fold_pad, fuse_activation]
    if io == "int8":
        rewrites.insert(0, fold_edges)
    result = chained(graph, rewrites)
    if max_mac_overhead > 1:
        grown = grow_kernels(result.graph, max_mac_overhead=max_mac_overhead)
        others = tuple(reason for reason in result.refused if " PAD" not in reason.split(" (")[0])
        result = Rewritten(grown.graph, result.done + grown.done, others + grown.refused)
    pruned = tflite.prune(result.graph)
    unused = len(result.graph.tensors) - len(pruned.tensors)
    if not unused:
        return result
    done = result.done or (f"{unused} unused tensors dropped",)
    return Rewritten(pruned, done, result.refused)


def canonical(
    graph: Graph, *, io: str | None = None, max_mac_overhead: float = 1.0
) -> tuple[Graph, tuple[str, ...]]:
    """`clean` as the planners need it: the graph, and why something that looked possible was not done."""
    result = clean(graph, io=io, max_mac_overhead=max_mac_overhead)
    return result.graph, result.refused
