"""`MemoryReport`: what a model needs, as frozen data; text, JSON and HTML are views of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from tflm_mcunet.targets import Target

if TYPE_CHECKING:
    from tflm_mcunet.report.stage_rows import StageRow


@dataclass(frozen=True)
class OpRow:
    """One operator of the model as it stands in the file.

    Args:
        index: int. In execution order of the file.
        type: str. TFLite's builtin name, or the custom code.
        output: str. Shape and dtype of the first output, "1×40×40×48 int8".
        macs: int. Multiply-accumulates.
        live_bytes: int. Bytes of all computed tensors that are alive while the operator runs, input included.
        weight_bytes: int. Bytes of the constants that it reads.
    """

    index: int
    type: str
    output: str
    macs: int
    live_bytes: int
    weight_bytes: int


@dataclass(frozen=True)
class Peak:
    """The smallest arenas of four ways to run the model, in bytes; None where a way cannot take this model.

    Args:
        layer: one whole operator after the other, best order, PAD folded, activations fused.
        layer_in_place: the same, outputs over operands where our kernels are exact.
        stream: rows flow through stages; the input map lies in the arena.
        stream_rows_input: rows flow and the caller feeds the input by rows: no input map.
    """

    layer: int | None
    layer_in_place: int | None
    stream: int | None
    stream_rows_input: int | None

    @property
    def best_resident(self) -> int | None:
        """The smallest of the three that hold the whole input."""
        known = [n for n in (self.layer, self.layer_in_place, self.stream) if n is not None]
        return min(known, default=None)


@dataclass(frozen=True)
class Arena:
    """What stock TFLite Micro needs, in bytes; None where an operator's kernel is not modelled.

    Args:
        head: non-persistent part: tensors and scratch, as its greedy planner lays them out.
        tail: persistent part: tensor and node structures, kernel data.
        pointer_bits: 32 on the device, 64 on a desk.
        basis: str. "exact" where every part is proven against the runtime, else "modelled" or "unknown".
    """

    head: int | None
    tail: int | None
    pointer_bits: int
    basis: str = ""

    @property
    def total(self) -> int | None:
        return None if self.head is None or self.tail is None else self.head + self.tail

    def to_dict(self) -> dict[str, object]:
        return {
            "head": self.head,
            "tail": self.tail,
            "total": self.total,
            "pointer_bits": self.pointer_bits,
            "basis": self.basis,
        }


@dataclass(frozen=True)
class Span:
    """A tensor or scratch in the timeline: bytes [offset, offset + size) in use from one step to another.

    Args:
        label, detail: str. What it is; shape and dtype.
        role: str. "input", "output", "tensor", "rows" or "scratch".
        size_bytes, offset: int. With `pieces`, of the bytes that any of them touches.
        first, last: int. Steps, inclusive.
        pieces: tuple of (start, end, offset, bytes). The rows of a tensor that flows, each in use from one point of
            time (in steps, with fractions) to another; empty for one rectangle.
    """

    label: str
    detail: str
    role: str
    size_bytes: int
    offset: int
    first: int
    last: int
    pieces: tuple[tuple[float, float, int, int], ...] = ()


@dataclass(frozen=True)
class Timeline:
    """Which tensor lies where in the arena, when.

    Args:
        title: str.
        steps: tuple of str. The operators in execution order, "6 PAD".
        spans: tuple of Span.
        arena_bytes: int.
        stages: tuple of (kind, first step, last step). The runs of operators executed together; empty for
            layer-by-layer execution.
    """

    title: str
    steps: tuple[str, ...]
    spans: tuple[Span, ...]
    arena_bytes: int
    stages: tuple[tuple[str, int, int], ...] = ()

    def live_bytes(self) -> list[int]:
        """Bytes in use at every step, without alignment."""
        live = [0] * len(self.steps)
        for span in self.spans:
            for step in range(span.first, min(span.last, len(live) - 1) + 1):
                live[step] += span.size_bytes
        return live

    def peak_steps(self) -> list[int]:
        """The steps that set the arena: the fullest of those at which its highest byte is in use."""
        top = [0] * len(self.steps)
        for span in self.spans:
            for step in range(span.first, min(span.last, len(top) - 1) + 1):
                top[step] = max(top[step], span.offset + span.size_bytes)
        highest, live = max(top, default=0), self.live_bytes()
        fullest = max((n for n, t in zip(live, top) if t == highest), default=0)
        return [i for i, t in enumerate(top) if t == highest and live[i] == fullest]


@dataclass(frozen=True)
class FrontierPoint:
    """A plan that computes some MACs twice to need fewer bytes.

    Args:
        input: str. "resident" or "rows".
        mac_factor: float. MACs that the plan computes, as a factor of the model's.
        arena_bytes: int.
    """

    input: str
    mac_factor: float
    arena_bytes: int


@dataclass(frozen=True)
class MemoryReport:
    """The answer of `tflm_mcunet.analyze`.

    Args:
        name: str. The file's name, or the graph's.
        macs: int. Of one inference.
        ops: tuple of OpRow, in the file's order.
        peak: Peak.
        tflm: Arena. Stock TFLite Micro on a device of `tflm.pointer_bits`.
        tflm_host: Arena. The same on a 64-bit desk, as its Python package records it.
        planned_head: int or None. Stock TFLite Micro's head for the model that `convert` writes: cleaned, reordered
            and placed by an offline plan.
        model_bytes: int or None. Size of the file; None for a Graph that was never one.
        target: Target or None.
        peak_ops: tuple of int. The operators at which most bytes are live in the file's order.
        before, after: Timeline. Stock TFLite Micro's plan, and our smallest that holds the input.
        advice: tuple of str. What to do, plainest gain first.
        notes: tuple of str. What the numbers leave out, and what a planner could not do.
        stages: tuple of StageRow. Of our smallest plan that holds the input.
        left_out: tuple of (operator, why). The operators of that plan that do not stream.
        frontier: tuple of FrontierPoint, by input, MACs rising; empty unless asked for.
    """

    name: str
    macs: int
    ops: tuple[OpRow, ...]
    peak: Peak
    tflm: Arena
    tflm_host: Arena
    planned_head: int | None
    model_bytes: int | None
    target: Target | None
    peak_ops: tuple[int, ...]
    before: Timeline = field(repr=False)
    after: Timeline = field(repr=False)
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[StageRow, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    frontier: tuple[FrontierPoint, ...] = ()

    @property
    def fits(self) -> bool | None:
        """Whether the best plan's arena and the model fit the target; None without a target.

        The arena must be contiguous. Stack, code and what the firmware needs besides come on top.
        """
        if self.target is None:
            return None
        arena = self.peak.best_resident
        sram_ok = arena is not None and arena <= self.target.contiguous_sram
        flash = self.target.flash
        return sram_ok and (flash is None or self.model_bytes is None or self.model_bytes <= flash)

    @property
    def fits_tflm(self) -> bool | None:
        """The same question for stock TFLite Micro's head and tail; None where these are not known."""
        if self.target is None or self.tflm.total is None:
            return None
        flash = self.target.flash
        flash_ok = flash is None or self.model_bytes is None or self.model_bytes <= flash
        return self.tflm.total <= self.target.contiguous_sram and flash_ok

    def to_dict(self) -> dict[str, object]:
        """JSON-ready data with the keys that the README promises."""
        return {
            "model": self.name,
            "macs": self.macs,
            "ops": [
                {
                    "index": op.index,
                    "type": op.type,
                    "macs": op.macs,
                    "live_bytes": op.live_bytes,
                    "output": op.output,
                    "weight_bytes": op.weight_bytes,
                }
                for op in self.ops
            ],
            "peak": {
                "layer": self.peak.layer,
                "layer_in_place": self.peak.layer_in_place,
                "stream": self.peak.stream,
                "stream_rows_input": self.peak.stream_rows_input,
            },
            "peak_ops": list(self.peak_ops),
            "tflm": self.tflm.to_dict(),
            "tflm_host": self.tflm_host.to_dict(),
            "tflm_planned": {"head": self.planned_head},
            "flash": {"model": self.model_bytes},
            "target": None if self.target is None else self.target.to_dict(),
            "fits": self.fits,
            "fits_tflm": self.fits_tflm,
            "advice": list(self.advice),
            "notes": list(self.notes),
            "stages": [stage.to_dict() for stage in self.stages],
            "left_out": [{"op": op, "why": why} for op, why in self.left_out],
            "frontier": [asdict(point) for point in self.frontier],
        }


def printable(text: str, limit: int = 80) -> str:
    """Text from a model file, safe to show: control and bidi characters replaced, cut to `limit`.

    >>> printable("a\\x1b[31mb")
    'a�[31mb'
    """
    shown = "".join(c if c.isprintable() else "�" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def shape_text(shape: Sequence[int], dtype: str) -> str:
    """`1×40×40×48 int8`."""
    return f"{'×'.join(str(n) for n in shape) or 'scalar'} {dtype}"
