"""The façade `convert()`: one model, one target, a Schedule, and the `.tflite` that carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tflm_mcunet.codegen.family import FAMILIES, PORTABLE, family_of
from tflm_mcunet.codegen.program import build_program, scratch
from tflm_mcunet.errors import UnsupportedOpError, UsageError
from tflm_mcunet.graph import Graph
from tflm_mcunet.load import load_graph
from tflm_mcunet.ops import total_macs
from tflm_mcunet.report import MemoryReport, analyze
from tflm_mcunet.schedule.in_place import own_kernels
from tflm_mcunet.schedule.layer import plan_layer
from tflm_mcunet.schedule.schedule import Schedule
from tflm_mcunet.schedule.stages import plan_stages, streamed_macs, with_cheaper_streams
from tflm_mcunet.targets import Target
from tflm_mcunet.tflite import read, verify, write
from tflm_mcunet.tflm.best_form import best_form
from tflm_mcunet.tflm.memory import memory
from tflm_mcunet.tflm.stage_graph import has_stages
from tflm_mcunet.tflm.stage_op import STAGE
from tflm_mcunet.tflm.stage_reader import stage_family
from tflm_mcunet.transforms import canonical, explicit_state

SCHEDULES = ("auto", "layer", "in_place", "stream", "patch")

#: Operators up to which "auto" plans stages; beyond it takes tens of seconds.
MOST_STAGED = 1000

#: How often cheaper streams are planned anew because an operator takes too much scratch.
MOST_PLANS = 6

#: Of a target's SRAM, what `prefer="speed"` leaves to stack, kernel scratch and static data.
RESERVED_BYTES = 8192


@dataclass(frozen=True)
class Conversion:
    """A model prepared for its microcontroller.

    Args:
        source: Graph. The model as it was given.
        graph: Graph. What is executed: the source after exact clean-ups, its variables as inputs and outputs that
            the program keeps (`Graph.state`).
        schedule: Schedule. How the interpreter-free program runs `graph`.
        tflite: bytes. The model for TFLite Micro, its plan inside; stages that stream are operators of
            `tflm_mcunet/tflm_ops.h`, with the kernels and packed weights of the target's core (`stage_kernels`).
        target: Target or None.
        before_bytes, after_bytes: int. The head of TFLite Micro's arena for the source and for `tflite`.
        skipped: tuple of str. What was not done, and why.
    """

    source: Graph
    graph: Graph
    schedule: Schedule
    tflite: bytes
    target: Target | None
    before_bytes: int
    after_bytes: int
    skipped: tuple[str, ...]

    @cached_property
    def report(self) -> MemoryReport:
        """The analysis of the source."""
        return analyze(self.source, self.target)

    @cached_property
    def stage_kernels(self) -> str | None:
        """The family of kernels that the stages of `tflite` name, which its firmware registers; None without stages."""
        return stage_family(read(self.tflite)) if STAGE.encode() in self.tflite else None

    @property
    def mac_overhead(self) -> float:
        """Executed MACs over the model's own; 1.0 where nothing is recomputed."""
        own = total_macs(self.graph)
        executed = sum(stage.macs for stage in self.schedule.stages if stage.plan is not None)
        layers = [i for stage in self.schedule.stages if stage.plan is None for i in stage.ops]
        executed += total_macs(self.schedule.graph.with_ops([self.schedule.graph.ops[i] for i in layers]))
        return executed / own if own else 1.0

    def save(self, path: str | Path) -> None:
        """Write the `.tflite` file."""
        Path(path).write_bytes(self.tflite)

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON form."""
        inputs = sum(self.graph.tensors[i].size_bytes for i in self.graph.model_inputs)
        stages = [
            {"kind": s.kind, "first_op": min(s.ops), "last_op": max(s.ops), "peak": s.peak_bytes}
            for s in self.schedule.stages
        ]
        return {
            "schedule": {"kind": self.schedule.kind, "stages": stages},
            "sram": {"before": self.before_bytes, "after": self.after_bytes, "input": inputs},
            "arena": self.schedule.arena_bytes,
            "stage_kernels": self.stage_kernels,
            "mac_overhead": self.mac_overhead,
            "exact": True,
            "skipped": list(self.skipped),
        }


def convert(
    model: Any,
    target: Target | str | None = None,
    *,
    calibration: Any = None,
    schedule: str = "auto",
    max_mac_overhead: float = 1.0,
    prefer: str = "sram",
    input: str = "resident",
    io: str | None = None,
) -> Conversion:
    """Plan a model for a microcontroller; no output byte changes.

    Args:
        model: a `.tflite` as bytes or path, a Graph, or a Keras model (see `load_graph`).
        target: Target, its name, or None.
        calibration: samples to quantise a float model with; needed for a Keras model.
        schedule: str. "layer" runs whole operators, reordered and placed well, in stock TFLite Micro too.
            "in_place" runs one operator after the other too, but row by row over its own input where that lowers the
            peak: a depthwise or small convolution then needs little more than the larger of its maps.
            "stream" and "patch" let rows or patches flow through stages; "auto" takes what needs the least
            SRAM.
        max_mac_overhead: float, at least 1. How many MACs patches may cost, as a factor.
        prefer: str. "sram" for the lowest peak, with operators as layers where these fit under it, or "speed": streams
            that take hardly more instructions than layers. Without a target that is the plan of fewest bytes whose
            streams cost about 3 % by a model of them (up to three times the lowest peak, never as much as layers need;
            `skipped` tells how much); with a target, the plan whose streams cost least within its SRAM.
        input: str. "resident", or "rows" where the caller feeds the image's rows.
        io: str or None. "int8" drops QUANTIZE and DEQUANTIZE at the edges: inputs and outputs become int8.

    Raises:
        UsageError: an option is outside its values.
        ModelError: the model contradicts itself.
        UnsupportedOpError: a stage schedule was asked for and an operator has no C++ kernel.

    Example:
        >>> from tflm_mcunet.builder import GraphBuilder
        >>> b = GraphBuilder()
        >>> y = b.depthwise_conv_2d(b.conv_2d(b.input((1, 16, 16, 3)), 8))
        >>> convert(b.finish([y]), schedule="layer").schedule.kind
        'layer'
    """
    _check_options(schedule, prefer, input, max_mac_overhead)
    target = Target.load(target) if isinstance(target, str) else target
    source = load_graph(model, calibration)
    verify(source)
    if has_stages(source):
        raise UsageError("the model already holds stages", "convert the model that it was made from")
    graph, notes = canonical(source, io=io)
    program, no_program = _program_form(source, graph, io)
    before = memory(source).head_bytes
    room = max(1, target.sram - RESERVED_BYTES) if target and target.sram and prefer == "speed" else 0
    family = family_of(target.core) if target and target.core else ""
    plan, refused = _schedule(program, schedule, max_mac_overhead, prefer, input, room, family)
    refused = (*no_program, *refused)
    dense = plan
    if max_mac_overhead > 1 and plan.kind != "layer":
        # Tensors of TFLite Micro have their rows side by side; those of our own program need not.
        dense, _ = _schedule(
            program, schedule, max_mac_overhead, prefer, input, room, family, spread_maps=False
        )
    grown = canonical(source, io=io, max_mac_overhead=max_mac_overhead)[0] if max_mac_overhead > 1 else graph
    # With the portable kernels the layers between cheaper streams are stock operators, of which few are better.
    ways = [(dense, family)] if family not in ("", PORTABLE) else []
    if prefer == "sram" and schedule != "in_place":
        is_same, plan = dense is plan, _with_cheaper_streams(plan, input, family)
        cheaper = plan if is_same else _with_cheaper_streams(dense, input, family)
        ways = [(cheaper, family), *ways] if ways and cheaper is not dense else ways
    ways.append((dense, PORTABLE))
    rewritten, after, more = best_form(source if io is None else graph, (graph, grown), ways, target)
    notes = (*notes, *more)
    if prefer == "speed" and plan.kind != "layer":
        share = f"{streamed_macs(plan)} of {total_macs(plan.graph)} MACs run row by row"
        notes = (*notes, f"prefer='speed': {share} in an arena of {plan.arena_bytes} bytes")
    return Conversion(
        source=source,
        graph=plan.graph,
        schedule=plan,
        tflite=write(rewritten),
        target=target,
        before_bytes=before or 0,
        after_bytes=after,
        skipped=(*notes, *refused, *plan.notes),
    )


def _program_form(source: Graph, cleaned: Graph, io: str | None) -> tuple[Graph, tuple[str, ...]]:
    """What the interpreter-free program runs: the clean graph, its variables as inputs and outputs.

    Args:
        source: Graph. The model as it was given.
        cleaned: Graph. The same after exact clean-ups.
        io: str or None. As in `convert`.

    Returns:
        (Graph, notes).
    """
    try:
        explicit = explicit_state(source)
    except UnsupportedOpError as error:
        return cleaned, (f"variables stay variables: {error.message}",)
    if not explicit.names:
        return cleaned, ()
    return canonical(explicit.carried, io=io)


def as_conversion(model: Any) -> Conversion:
    """A Conversion as it is; any other model layer by layer, its `.tflite` untouched."""
    if isinstance(model, Conversion):
        return model
    source = load_graph(model)
    graph, notes = canonical(source)
    program, no_program = _program_form(source, graph, None)
    plan, refused = _schedule(program, "layer", 1.0, "sram", "resident", 0)
    refused = (*no_program, *refused)
    head = memory(source).head_bytes or 0
    return Conversion(source, plan.graph, plan, write(source), None, head, head, (*notes, *refused))


def _schedule(
    graph: Graph,
    kind: str,
    max_mac_overhead: float,
    prefer: str,
    input: str,
    room: int,
    family: str = "",
    spread_maps: bool = True,
) -> tuple[Schedule, tuple[str, ...]]:
    """The Schedule of the interpreter-free program, and what it had to leave out."""
    try:
        layer = plan_layer(graph, in_place=own_kernels(), scratch=scratch)
    except UnsupportedOpError as error:
        if kind not in ("auto", "layer"):
            raise
        plan = plan_layer(graph, in_place=own_kernels())
        return plan, (f"no interpreter-free program: {error.message}",)
    if any(op.type in ("PAD", "PADV2") for op in graph.ops):
        folded = plan_stages(graph, kinds=("layer",))
        layer = folded if folded.arena_bytes <= layer.arena_bytes else layer
    if kind == "layer":
        return layer, ()
    if kind == "auto" and input == "resident" and len(graph.ops) > MOST_STAGED:
        return layer, (
            f"more than {MOST_STAGED} operators: stages are planned on request, `schedule='stream'`",
        )
    kinds = ("layer", "stream") if kind in ("stream", "in_place") else ("layer", "stream", "patch")
    staged = plan_stages(
        graph,
        kinds=kinds,
        max_mac_overhead=max_mac_overhead,
        input=input,
        prefer="speed" if kind == "in_place" else prefer,
        sram=1 if kind == "in_place" else room,  # as few streams as the lowest peak allows
        longest=1 if kind == "in_place" else 0,
        spread_maps=spread_maps and max_mac_overhead > 1,
        family=family,
    )
    is_better = staged.arena_bytes < layer.arena_bytes or input == "rows"
    if is_better:
        return staged, ()
    why = staged.notes if staged.kind == "layer" else ()
    return layer, tuple(note for note in why if note.startswith("prefer="))


def _with_cheaper_streams(plan: Schedule, input: str, family: str) -> Schedule:
    """The plan whose streams cost less, or the plan itself.

    It takes hardly more bytes than `plan`, scratch included (`Program.most_bytes`). What whole would need scratch above
    that goes row by row.
    """
    families = (PORTABLE, family) if family else FAMILIES
    if all(stage.plan is None for stage in plan.stages):
        return plan
    most = [build_program(plan, name).most_bytes for name in families]
    in_rows: frozenset[int] = frozenset()
    for _ in range(MOST_PLANS):
        found = with_cheaper_streams(plan, input=input, family=family, in_rows=in_rows)
        too_high = frozenset(
            step.op
            for name, allowed in zip(families, most)
            for stage in build_program(found, name).stages
            for step in stage.steps
            if step.scratch_end > allowed
        )
        if not too_high:
            return found
        if too_high <= in_rows:
            return plan
        in_rows |= too_high
    return plan


def _check_options(schedule: str, prefer: str, input: str, max_mac_overhead: float) -> None:
    choices = (
        ("schedule", schedule, SCHEDULES),
        ("prefer", prefer, ("sram", "speed")),
        ("input", input, ("resident", "rows")),
    )
    for name, value, allowed in choices:
        if value not in allowed:
            raise UsageError(f"Expected `{name}` to be one of {', '.join(allowed)}, got {value!r}")
    if not max_mac_overhead >= 1:
        raise UsageError(f"Expected `max_mac_overhead` to be at least 1, got {max_mac_overhead}")
