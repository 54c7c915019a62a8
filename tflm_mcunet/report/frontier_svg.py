"""The frontier of a model as SVG: peak SRAM against the factor of MACs that are computed."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_mcunet.report.memory_report import FrontierPoint
from tflm_mcunet.report.timeline_svg import byte_ticks, tick_text

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 14, 34
_NAMES = (("resident", "input resident", "var(--bar)"), ("rows", "input fed by rows", "var(--peak)"))


def frontier_svg(points: Sequence[FrontierPoint], width: int = 900, height: int = 280) -> str:
    """Steps from point to point: between two, the plan of the left one is the best known.

    Args:
        points: sequence of FrontierPoint, by input, MACs rising.
        width, height: int. Pixels.
    """
    most_bytes = max(p.arena_bytes for p in points) * 1.06
    most_factor = max(1.05, max(p.mac_factor for p in points) * 1.01)

    def x(factor: float) -> float:
        return _LEFT + (width - _LEFT - _RIGHT) * (factor - 1) / (most_factor - 1)

    def y(size: float) -> float:
        return height - _BOTTOM - (height - _TOP - _BOTTOM) * size / most_bytes

    parts = [f'<svg class="frontier" viewBox="0 0 {width} {height}" width="100%" role="img">']
    parts.append("<title>Peak SRAM against computed MACs</title>")
    for tick in byte_ticks(int(most_bytes)):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
            f'<text x="{_LEFT - 7}" y="{y(tick) + 3.5:.1f}" text-anchor="end">{tick_text(tick)}</text>'
        )
    for n in range(6):
        factor = 1 + (most_factor - 1) * n / 5
        parts.append(f'<text x="{x(factor):.1f}" y="{height - 14}" text-anchor="middle">×{factor:.2f}</text>')
    for source, label, colour in _NAMES:
        mine = [p for p in points if p.input == source]
        if not mine:
            continue
        path = f"M{x(mine[0].mac_factor):.1f} {y(mine[0].arena_bytes):.1f}"
        for p in mine[1:]:
            path += f"H{x(p.mac_factor):.1f}V{y(p.arena_bytes):.1f}"
        path += f"H{width - _RIGHT}"
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for p in mine:
            parts.append(
                f'<circle cx="{x(p.mac_factor):.1f}" cy="{y(p.arena_bytes):.1f}" r="4" fill="{colour}">'
                f"<title>{label}: {p.arena_bytes:,} bytes at ×{p.mac_factor:.3f} MACs</title></circle>"
            )
    return "".join(parts) + "</svg>"
