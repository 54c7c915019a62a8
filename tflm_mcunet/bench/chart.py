"""Measurements as a bar chart in SVG: instructions a MAC by model and by class, ours beside the peers'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tflm_mcunet.bench import peers
from tflm_mcunet.bench.measure import Measurement, by_class

_WIDTH, _LEFT, _RIGHT = 960, 268, 74
_BAR, _GAP, _GROUP_GAP, _HEAD = 13, 3, 11, 58

#: Colour of a bar by what it shows; readable on white and by people who do not see red and green apart.
_OURS, _CYCLES = "#1f5fa8", "#9cc0e6"
_PEERS = ("#b9b4ab", "#d98b4a", "#a8541f")

_STYLE = (
    # Named by a class, so that a page around the chart does not style it.
    ".bench text{font:12px system-ui,'Segoe UI',Roboto,'Noto Sans',sans-serif;fill:#1f2328}"
    ".bench .t{font-size:15px;font-weight:600}.bench .s{fill:#5b636b;font-size:11px}.bench .g{stroke:#e3e3de}"
)


@dataclass(frozen=True)
class Bar:
    """One bar: its value, or a range that is drawn from low to high."""

    label: str
    colour: str
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Bars that are compared with each other."""

    label: str
    bars: tuple[Bar, ...]


def to_svg(measurements: Sequence[Measurement]) -> str:
    """The chart as a file of its own."""
    panels = list(_panels(measurements))
    parts, top = [], 8
    for title, groups in panels:
        drawn, height = _panel(title, groups, top)
        parts.append(drawn)
        top += height + 14
    size = f'viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}"'
    head = f'<svg class="bench" xmlns="http://www.w3.org/2000/svg" {size}>'
    background = f'<rect width="{_WIDTH}" height="{top}" fill="#fff"/>'
    return f"{head}<style>{_STYLE}</style>{background}{''.join(parts)}</svg>\n"


def _panels(measurements: Sequence[Measurement]) -> Iterable[tuple[str, list[Group]]]:
    for on in dict.fromkeys(m.on for m in measurements):
        mine = [m for m in measurements if m.on == on and m.macs]
        core = on.removeprefix("qemu:")
        by_model: dict[str, list[Measurement]] = {}
        for m in mine:
            by_model.setdefault(m.model, []).append(m)
        groups = [Group(name, tuple(_model_bars(of))) for name, of in by_model.items()]
        yield f"Instructions a MAC, {core}, by model", groups
        first = [m for m in mine if (m.planned, m.prefer) == (mine[0].planned, mine[0].prefer)]
        classes = [c for c in by_class(first) if c.unit == "MAC"]
        plan = f"{mine[0].planned}, prefer {mine[0].prefer}"
        yield (
            f"Instructions a MAC, {core}, by class of operator ({plan})",
            [
                Group(
                    c.op_class, tuple(_class_bars(c.op_class, c.instructions / c.work, c.cycles, c.work, on))
                )
                for c in classes
            ],
        )


def _model_bars(measurements: Sequence[Measurement]) -> Iterable[Bar]:
    several = len(measurements) > 1
    for m in measurements:
        plan = f" {m.planned}, {m.prefer}" if several else ""
        yield _bar("ours" + plan, _OURS, m.instructions_per_mac)
        if m.cycles_per_mac is not None:
            yield _bar("ours, modelled cycles", _CYCLES, m.cycles_per_mac)
    first = measurements[0]
    others = peers.peer_instructions(first.model, first.on)
    for (label, count), colour in zip(others.items(), _PEERS, strict=False):
        yield _bar(label, colour, count / first.macs)


def _class_bars(name: str, value: float, cycles: int | None, work: int, on: str) -> Iterable[Bar]:
    yield _bar("ours", _OURS, value)
    if cycles is not None:
        yield _bar("ours, modelled cycles", _CYCLES, cycles / work)
    if on != "qemu:cortex-m4":
        return
    figures = peers.class_figures(name)
    for key, label, colour in (
        ("cmsis_nn", "TFLM + CMSIS-NN", _PEERS[0]),
        ("tinyengine", "TinyEngine", _PEERS[1]),
    ):
        if key in figures:
            yield Bar(label, colour, *figures[key])


def _bar(label: str, colour: str, value: float) -> Bar:
    return Bar(label, colour, value, value)


def _panel(title: str, groups: Sequence[Group], top: int) -> tuple[str, int]:
    """The SVG of a panel and its height."""
    most = max((bar.high for group in groups for bar in group.bars), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    bars = sum(len(group.bars) for group in groups)
    height = _HEAD + bars * (_BAR + _GAP) + len(groups) * _GROUP_GAP
    parts = [f'<text class="t" x="8" y="{top + 16}">{escape(title)}</text>', _key(groups, top + 34)]
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e9) if most / s <= 12)
    for n in range(1, int(most / step) + 1):
        x = _LEFT + n * step * scale
        parts.append(
            f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{top + _HEAD - 4}" y2="{top + height}"/>'
        )
        parts.append(
            f'<text class="s" x="{x:.1f}" y="{top + _HEAD - 8}" text-anchor="middle">{n * step:g}</text>'
        )
    y = top + _HEAD
    for group in groups:
        middle = y + len(group.bars) * (_BAR + _GAP) / 2 + 3
        parts.append(
            f'<text x="{_LEFT - 10}" y="{middle:.1f}" text-anchor="end">{escape(group.label)}</text>'
        )
        for bar in group.bars:
            parts.append(_drawn(bar, y, scale))
            y += _BAR + _GAP
        y += _GROUP_GAP
    return "".join(parts), height


def _drawn(bar: Bar, y: float, scale: float) -> str:
    """A bar with its number; of a range the upper part is lighter."""
    value = f"{bar.high:.2f}" if bar.low == bar.high else f"{bar.low:g}–{bar.high:g}"
    parts = [f"<g><title>{escape(bar.label)}: {value}</title>"]
    for high, opacity in ((bar.high, 0.45), (bar.low, 1)):
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{high * scale:.1f}" height="{_BAR}" fill="{bar.colour}" '
            f'fill-opacity="{opacity}"/>'
        )
    parts.append(f'<text class="s" x="{_LEFT + bar.high * scale + 5:.1f}" y="{y + 10.5}">{value}</text></g>')
    return "".join(parts)


def _key(groups: Sequence[Group], y: int) -> str:
    """One swatch for each colour that occurs; plans of ours share theirs."""
    labels: dict[str, str] = {}
    for group in groups:
        for bar in group.bars:
            labels.setdefault(bar.colour, "ours" if bar.colour == _OURS else bar.label)
    parts, x = [], 8.0
    for colour, label in labels.items():
        parts.append(f'<rect x="{x:.0f}" y="{y - 9}" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text class="s" x="{x + 16:.0f}" y="{y}">{escape(label)}</text>')
        x += 40 + 6.4 * len(label)
    return "".join(parts)
