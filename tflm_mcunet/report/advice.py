"""Plain advice from a model's figures: what to do, with the bytes that it brings."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet import ops
from tflm_mcunet.graph import Graph
from tflm_mcunet.report.memory_report import OpRow, Peak
from tflm_mcunet.schedule.rows import row_graph
from tflm_mcunet.targets import Target

_PADS = ("PAD", "PADV2")
_FLOATS = ("float32", "float16", "bfloat16", "float64")

#: Lines of one kind are cut to this many, the largest first.
_MOST = 3


def advise(
    graph: Graph,
    clean: Graph,
    rows: Sequence[OpRow],
    live: Sequence[int],
    heads: tuple[int | None, int | None],
    peak: Peak,
    int8_bytes: int | None,
    model_bytes: int | None,
    target: Target | None,
) -> list[str]:
    """Advice, plainest gain first.

    Args:
        graph: Graph. As it is in the file.
        clean: Graph. The same after exact clean-ups.
        rows: the operators of `graph`.
        live: bytes alive at each operator in the file's order.
        heads: stock TFLite Micro's head for the model as it is and as `convert` writes it; None where unknown.
        peak: the four ways of `Peak`.
        int8_bytes: the smallest arena if inputs and outputs were int8; None where they are.
        model_bytes: int or None.
        target: Target or None.
    """
    return [
        *_float_model(graph),
        *_pads(graph, clean, live),
        *_float_edges(graph, peak.best_resident, int8_bytes),
        *_placement(*heads, peak),
        *_streaming(peak),
        *_flash(rows, model_bytes, target),
        *_kernels(graph),
    ]


def _bytes_of(graph: Graph, tensor: int) -> int:
    return graph.tensors[tensor].size_bytes


def _float_model(graph: Graph) -> list[str]:
    weighted = [op for op in graph.ops if ops.macs(graph, op)]
    floats = [op for op in weighted if graph.tensors[op.inputs[0]].dtype in _FLOATS]
    if not floats:
        return []
    return [
        f"{len(floats)} of {len(weighted)} weighted operators compute in floating point: quantise to int8, "
        "which takes a quarter of the SRAM and flash and runs without floating-point routines"
    ]


def _pads(graph: Graph, clean: Graph, live: Sequence[int]) -> list[str]:
    """PADs that copy a map: those that fold, with the operator that takes them, and those that do not."""
    if not any(op.type in _PADS for op in graph.ops):
        return []
    computed = {node.op for node in row_graph(graph).nodes}
    left = {clean.tensors[op.outputs[0]].name for op in clean.ops if op.type in _PADS}
    fold: list[tuple[int, int, str]] = []
    stay: list[tuple[int, int, str]] = []
    for i, op in enumerate(graph.ops):
        if op.type in _PADS:
            line = _pad(graph, i, graph.tensors[op.outputs[0]].name in left)
            (stay if i in computed else fold).append((live[i], i, line))
    fold.sort(key=lambda entry: (-entry[0], entry[1]))
    lines = [line for *_, line in fold[:_MOST]]
    if len(fold) > _MOST:
        lines.append(f"{len(fold) - _MOST} more PADs fold into the convolution behind them")
    for _, i, _ in sorted(stay, key=lambda entry: (-entry[0], entry[1]))[:1]:
        lines.append(
            f"op {i} {graph.ops[i].type} copies {_copied(graph, i)} and cannot be folded: its reader is no "
            "convolution, or it pads with another value than the zero point"
        )
    return lines


def _copied(graph: Graph, index: int) -> str:
    """`161,472 bytes (76,800 into 84,672)`: what an operator reads and writes."""
    op = graph.ops[index]
    source, result = _bytes_of(graph, op.inputs[0]), _bytes_of(graph, op.outputs[0])
    return f"{source + result:,} bytes ({source:,} into {result:,})"


def _pad(graph: Graph, index: int, is_left: bool) -> str:
    """One PAD that vanishes: into what, and whether the `.tflite` format can say so."""
    op = graph.ops[index]
    line = f"op {index} {op.type} copies {_copied(graph, index)}"
    readers = graph.consumers().get(op.outputs[0], [])
    if _bytes_of(graph, op.inputs[0]) == _bytes_of(graph, op.outputs[0]) or not readers:
        return line + " and pads nothing; drop it"
    into = f"; fold it into op {readers[0]} {graph.ops[readers[0]].name}"
    return line + into + (" (streaming does; the file format cannot say it)" if is_left else "")


def _float_edges(graph: Graph, best: int | None, int8_bytes: int | None) -> list[str]:
    """Float inputs that are quantised at once, and outputs that are dequantised last."""
    gain = ""
    if best is not None and int8_bytes is not None and int8_bytes < best:
        gain = f", and the arena falls from {best:,} to {int8_bytes:,} bytes: `tflm-mcunet convert --io int8`"
    lines, readers, producers = [], graph.consumers(), graph.producers()
    for t in graph.inputs:
        users = readers.get(t, [])
        if (
            graph.tensors[t].dtype in _FLOATS
            and users
            and all(graph.ops[i].type == "QUANTIZE" for i in users)
        ):
            size = _bytes_of(graph, t)
            small = _bytes_of(graph, graph.ops[users[0]].outputs[0])
            lines.append(
                f"the float input takes {size:,} bytes before op {users[0]} QUANTIZE makes {small:,} of it; "
                f"feed int8{gain}"
            )
    for t in graph.outputs:
        maker = producers.get(t)
        if maker is not None and graph.ops[maker].type == "DEQUANTIZE" and _bytes_of(graph, t) >= 1024:
            lines.append(
                f"op {maker} DEQUANTIZE makes {_bytes_of(graph, t):,} bytes of float output: read int8"
            )
    return lines


def _placement(head: int | None, planned: int | None, peak: Peak) -> list[str]:
    lines = []
    if head is not None and planned is not None and planned < head:
        lines.append(
            f"order and placement take the head of stock TFLite Micro from {head:,} to {planned:,} bytes: "
            "`tflm-mcunet convert --schedule layer`"
        )
    if peak.layer is not None and peak.layer_in_place is not None and peak.layer_in_place < peak.layer:
        saved = peak.layer - peak.layer_in_place
        lines.append(f"outputs over their operands save {saved:,} bytes where whole operators run")
    return lines


def _streaming(peak: Peak) -> list[str]:
    lines = []
    by_layer = [n for n in (peak.layer, peak.layer_in_place) if n is not None]
    if peak.stream is not None and by_layer and peak.stream < min(by_layer):
        lines.append(
            f"streaming rows takes the arena from {min(by_layer):,} to {peak.stream:,} bytes and recomputes "
            "nothing: `tflm-mcunet convert --schedule stream`"
        )
    if (
        peak.stream_rows_input is not None
        and peak.stream is not None
        and peak.stream_rows_input < peak.stream
    ):
        lines.append(
            "feeding the input by rows, as a camera gives it, takes the arena to "
            f"{peak.stream_rows_input:,} bytes: `--input rows`"
        )
    return lines


def _flash(rows: Sequence[OpRow], model_bytes: int | None, target: Target | None) -> list[str]:
    lines = []
    heaviest = max(rows, key=lambda row: row.weight_bytes, default=None)
    if model_bytes and heaviest and heaviest.weight_bytes > 0.3 * model_bytes:
        share = 100 * heaviest.weight_bytes / model_bytes
        lines.append(
            f"op {heaviest.index} {heaviest.type} holds {heaviest.weight_bytes:,} bytes of weights, "
            f"{share:.0f} % of the model"
        )
    if target and target.flash and model_bytes and model_bytes > target.flash:
        lines.append(
            f"the model is {model_bytes - target.flash:,} bytes larger than the flash of {target.name}"
        )
    return lines


def _kernels(graph: Graph) -> list[str]:
    unknown: dict[str, int] = {}
    for op in graph.ops:
        if op.type not in ops.OPS:
            unknown[op.name] = unknown.get(op.name, 0) + 1
    if not unknown:
        return []
    named = ", ".join(
        f"{name} ({count})" if count > 1 else name for name, count in sorted(unknown.items())[:6]
    )
    return [f"planned as the file states them, one whole operator at a time: {named}"]
