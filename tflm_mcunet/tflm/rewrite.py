"""Rewrites a model for unmodified TFLite Micro: operators in the best order, offsets as its offline plan."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.graph import Graph, Op
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.tflite import without_metadata
from tflm_mcunet.tflm.in_place import overlapping_operands
from tflm_mcunet.tflm.kernel_table import KERNELS
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.offline_plan import METADATA_NAME, with_offline_plan


def layer_plan(source: Graph, cleaned: Graph) -> tuple[Graph, int, tuple[str, ...]]:
    """The form of a model that needs the smallest head in stock TFLite Micro.

    Args:
        source: Graph. The model as it was given.
        cleaned: Graph. The same model after exact clean-ups.

    Returns:
        (Graph, its head in bytes, notes). The source itself where nothing is smaller, with a note that says so.
        The head is `memory`'s, which equals what the runtime records.
    """
    bare = without_metadata(cleaned, METADATA_NAME)
    candidates = [source, bare]
    plan = plan_layer(bare, in_place=overlapping_operands, scratch=_scratch)
    ordered = plan.graph
    candidates += [ordered, with_offline_plan(ordered, plan.offsets)]
    best, head = source, memory(source).head_bytes
    if head is None:
        return source, 0, ("the head of an operator is not known: the model is left as it was",)
    for candidate in candidates[1:]:
        other = memory(candidate).head_bytes
        if other is not None and other < head:
            best, head = candidate, other
    if best is source:
        return source, head, (f"no order or placement needs less than the {head:,} bytes of the original",)
    return best, head, ()


def _scratch(graph: Graph, op: Op) -> Sequence[int]:
    """The scratch buffers of a reference kernel, which TFLite Micro places around our plan."""
    return KERNELS[op.type].requests(graph, op)[1] if op.type in KERNELS else ()
