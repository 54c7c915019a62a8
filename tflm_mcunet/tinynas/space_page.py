"""The ranking of spaces as one self-contained page: the paper's plot of the distributions, a map, and the table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources

from tflm_mcunet.tinynas.space_ranking import SpaceRanking, SpaceScore

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 24, 14, 40
_COLOURS = ("var(--peak)", "var(--bar)", "var(--input)", "var(--output)", "var(--r2)")

#: Subspaces with a line of their own in the plot; the others are drawn faintly.
_NAMED = len(_COLOURS)

_STYLE = """
.faint { stroke: var(--line); fill: none; } .curve { fill: none; stroke-width: 2.2; }
.mean { stroke-dasharray: 3 4; opacity: .8; } .map { border-collapse: separate; border-spacing: 2px; }
.map th { border: 0; padding: 2px 8px; text-align: right; }
.map td { border: 0; border-radius: 4px; text-align: right; padding: 4px 8px; min-width: 58px; }
.map td.win { outline: 2px solid var(--peak); } td i.swatch { display: inline-block; width: 11px; height: 11px;
border-radius: 3px; margin-right: 7px; vertical-align: -1px; }
"""


def render_ranking(ranking: SpaceRanking) -> str:
    """The page; it asks for nothing from outside and runs no script.

    Args:
        ranking: SpaceRanking.
    """
    style = resources.files("tflm_mcunet.report").joinpath("page.css").read_text(encoding="utf-8")
    title = f"Search spaces – {escape(ranking.space.name)}"
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    body = "\n".join((_header(ranking), _plot(ranking), _map(ranking), _table(ranking)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        f'<title>{title}</title>\n<link rel="icon" href="data:,">\n<style>\n{style}{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def cdf_svg(scores: Sequence[SpaceScore], named: int = _NAMED, width: int = 900, height: int = 340) -> str:
    """Distribution functions of the MACs of the networks that fit, one line for each subspace.

    Args:
        scores: sequence of SpaceScore, the best first.
        named: int. How many of them get a colour; the rest is drawn faintly behind.
        width, height: int. Pixels.
    """
    drawn = [s for s in scores if s.macs]
    most = max((s.macs[-1] for s in drawn), default=1) * 1.02
    plot_width, plot_height = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def x(macs: float) -> float:
        return _LEFT + plot_width * macs / most

    def y(share: float) -> float:
        return _TOP + plot_height * (1 - share)

    parts = [f'<svg viewBox="0 0 {width} {height}" width="100%" role="img">']
    parts.append("<title>Share of fitting networks with at most so many MACs</title>")
    for n in range(5):
        share = n / 4
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>'
            f'<text x="{_LEFT - 7}" y="{y(share) + 3.5:.1f}" text-anchor="end">{100 * share:.0f} %</text>'
        )
    for tick in _ticks(most):
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 22}" text-anchor="middle">{tick / 1e6:g}</text>')
    parts.append(
        f'<text x="{width - _RIGHT}" y="{height - 5}" text-anchor="end">million MACs of one inference</text>'
    )
    for rank, score in reversed(list(enumerate(drawn))):
        colour = _COLOURS[rank % _NAMED] if rank < named else ""
        looks = f'class="curve" stroke="{colour}"' if colour else 'class="faint"'
        path = "".join(f"H{x(m):.1f}V{y(s):.1f}" for m, s in _steps(score))
        name = f"resolution {score.resolution}, width {score.width:g}: mean {_million(score.mean_macs)} M"
        parts.append(
            f'<path {looks} d="M{x(score.macs[0]):.1f} {y(0):.1f}{path}"><title>{name}</title></path>'
        )
        if colour:
            at = x(score.mean_macs)
            parts.append(
                f'<line class="mean" stroke="{colour}" x1="{at:.1f}" x2="{at:.1f}" y1="{y(0):.1f}" y2="{_TOP}"/>'
            )
    return "".join(parts) + "</svg>"


def _steps(score: SpaceScore, most: int = 200) -> list[tuple[int, float]]:
    """(MACs, share) along a distribution function, thinned to what a screen shows."""
    count = len(score.macs)
    step = max(1, count // most)
    places = sorted({*range(0, count, step), count - 1})
    return [(score.macs[i], (i + 1) / count) for i in places]


def _header(ranking: SpaceRanking) -> str:
    best, scores = ranking.scores[0], ranking.scores
    drawn = sum(s.samples for s in scores)
    kept = sum(len(s.macs) for s in scores)
    line = f"{len(scores)} subspaces · {drawn:,} networks drawn · {kept:,} fit"
    verdict = '<div class="badge bad">nothing fits</div>'
    if best.macs:
        verdict = f'<div class="badge good">resolution {best.resolution}, width {best.width:g}</div>'
    constraints = f'<div class="soft">{escape(ranking.constraints)}</div>' if ranking.constraints else ""
    return (
        f"<header><h1>Search spaces: {escape(ranking.space.name)}</h1>"
        f'<div class="soft"><span class="num">{line}</span></div>{constraints}{verdict}</header>'
    )


def _plot(ranking: SpaceRanking) -> str:
    named = [s for s in ranking.scores[:_NAMED] if s.macs]
    keys = "".join(
        f'<span style="--swatch:{colour}">resolution {s.resolution}, width {s.width:g}: '
        f"mean {_million(s.mean_macs)} M, {100 * s.fit_rate:.0f} % fit</span>"
        for colour, s in zip(_COLOURS, named)
    )
    return (
        '<section><h2>MACs of the networks that fit</h2><p class="soft small">Distribution function of each '
        "subspace: the further to the right, the more its fitting networks compute. Dashed: the mean, by which "
        f"they are ranked.</p>{cdf_svg(ranking.scores)}"
        f'<div class="key">{keys}</div></section>'
    )


def _map(ranking: SpaceRanking) -> str:
    known = {(s.resolution, s.width): s for s in ranking.scores}
    resolutions = sorted({s.resolution for s in ranking.scores})
    widths = sorted({s.width for s in ranking.scores})
    most = max(s.mean_macs for s in ranking.scores) or 1
    best = ranking.scores[0]
    rows = ["<tr><th></th>" + "".join(f"<th>{w:g}</th>" for w in widths) + "</tr>"]
    for resolution in resolutions:
        cells = []
        for width in widths:
            score = known[resolution, width]
            shade = f"color-mix(in srgb, var(--bar) {85 * score.mean_macs / most:.0f}%, var(--grid))"
            mark = ' class="win"' if score is best and score.macs else ""
            note = f"{100 * score.fit_rate:.1f} % of {score.samples} fit"
            text = _million(score.mean_macs) if score.macs else "–"
            cells.append(f'<td{mark} style="background:{shade}" title="{note}">{text}</td>')
        rows.append(f"<tr><th>{resolution}</th>{''.join(cells)}</tr>")
    return (
        '<section><h2>Mean million MACs by resolution (down) and width (across)</h2><div class="wide">'
        f'<table class="map num">{"".join(rows)}</table></div></section>'
    )


def _table(ranking: SpaceRanking) -> str:
    rows = []
    for rank, s in enumerate(ranking.scores):
        few = s.fit_rate < ranking.least_fit_rate
        colour = f'<i class="swatch" style="background:{_COLOURS[rank]}"></i>' if rank < _NAMED else ""
        quantiles = [_million(s.quantile(q)) if s.macs else "–" for q in (0.1, 0.5, 0.9)]
        rows.append(
            f'<tr><td class="r">{colour}{rank + 1}</td><td class="r">{s.resolution}</td>'
            f'<td class="r">{s.width:g}</td><td class="r">{100 * s.fit_rate:.1f} %{" (few)" if few else ""}</td>'
            f'<td class="r">{_million(s.mean_macs) if s.macs else "–"}</td>'
            + "".join(f'<td class="r">{q}</td>' for q in quantiles)
            + "</tr>"
        )
    head = "".join(
        f'<th class="r">{name}</th>'
        for name in ("rank", "resolution", "width", "fit", "mean", "10 %", "median", "90 %")
    )
    note = (
        f"Where fewer than {100 * ranking.least_fit_rate:g} % fit, a subspace ranks behind all others. "
        if ranking.least_fit_rate
        else ""
    )
    return (
        f'<section><h2>Ranking</h2><p class="soft small">Million MACs of the networks that fit. {note}'
        f'Seed {ranking.seed}.</p><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _million(macs: float) -> str:
    """Million MACs with three digits.

    >>> _million(81_600_000), _million(3_456_000), _million(12_300)
    ('81.6', '3.46', '0.0123')
    """
    millions = macs / 1e6
    return f"{millions:.0f}" if millions >= 100 else f"{millions:#.3g}"


def _ticks(most: float, count: int = 8) -> list[float]:
    """Round numbers from 0 on, at most about `count`."""
    step = 10.0 ** (len(str(int(most))) - 1)
    while most / step < count / 2:
        step /= 2 if str(int(step))[0] in "15" or step < 1 else 2.5
    return [n * step for n in range(int(most / step) + 1)]
