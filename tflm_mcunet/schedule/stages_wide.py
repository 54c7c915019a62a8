"""Maps whose rows lie apart, so that a stage in strips can write its output over its input.

A strip that overwrites the columns it has read would destroy the halo that the next strip reads again. Where the rows
of both maps lie further apart than they are long, by the halo, the output can lie one row and the halo below the input:
each strip then writes over columns that no later strip reads. A stage that halves the rows writes two rows apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tflm_mcunet.schedule.patch import needed
from tflm_mcunet.schedule.rows import RowGraph

#: A map at a cut: (position of the cut, tensor).
Cut = tuple[int, int]


def wide_maps(rows: RowGraph, live: Sequence[frozenset[int]], alignment: int) -> list[dict[int, int]]:
    """Assignments worth trying: tensor -> bytes from row to row, of maps that do not lie dense.

    The largest maps that several stages hand on in one shape: all but the last of them, so that the stage after them
    finds a dense map; and all of them together with the smaller map that follows.

    Args:
        rows: RowGraph.
        live: sequence of frozenset. For each cut, the tensors that exist before it and are needed after it.
        alignment: int. The bytes from row to row are multiples of it.
    """
    cuts = _single(rows, live)
    best: list[Cut] = []
    size = 0
    for chain in _chains(rows, cuts):
        height, width = rows.shape[chain[0][1]]
        if height * width > size:
            best, size = chain, height * width
    if not best:
        return []
    halo = max(_halo(rows, a, b) for a, b in pairwise(best))
    width = rows.shape[best[0][1]][1]
    pixel = width // rows.graph.tensors[best[0][1]].shape[2]
    pitch = -(-(width + halo * pixel) // alignment) * alignment
    found = [{t: pitch for _, t in best[:-1]}]
    end = {t: pitch for _, t in best}
    after = _after(rows, cuts, best[-1], pitch)
    found.append(end | after)
    return found


def _single(rows: RowGraph, live: Sequence[frozenset[int]]) -> list[Cut]:
    """Cuts at which one map lies that may have its rows apart: only operators that stream have to do with it."""
    whole = {t for n in rows.nodes if not n.streams for t in (*n.inputs, *n.outputs)}
    whole |= {*rows.inputs, *rows.outputs, *rows.alias.values()}
    found = []
    for p, tensors in enumerate(live):
        held = tensors - set(rows.outputs)
        if len(held) == 1 and not held & whole:
            t = next(iter(held))
            if (
                len(rows.graph.tensors[t].shape) == 4
                and rows.shape[t][0] > 1 < rows.graph.tensors[t].shape[2]
            ):
                found.append((p, t))
    return found


def _chains(rows: RowGraph, cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Runs of maps of one shape with a window wider than a column between two of them."""
    found: list[list[Cut]] = []
    for cut in cuts:
        shape = rows.graph.tensors[cut[1]].shape
        if found and rows.graph.tensors[found[-1][-1][1]].shape == shape:
            found[-1].append(cut)
        else:
            found.append([cut])
    chains = [c for c in found if len(c) > 1 and any(_halo(rows, a, b) for a, b in pairwise(c))]
    # A block with a shortcut has to be one stage from map to map; elsewhere a stage may reach past the largest maps.
    joined = [c for c in chains if any(len(n.inputs) > 1 for n in rows.nodes[c[0][0] : c[-1][0]])]
    return joined or chains


def _halo(rows: RowGraph, a: Cut, b: Cut) -> int:
    """Columns of map `a` to the left of column x that column x of map `b` needs."""
    middle = rows.graph.tensors[b[1]].shape[2] // 2
    need = needed(rows.graph, rows.nodes[a[0] : b[0]], b[1], (middle, 1))
    return middle - need[a[1]][0] if a[1] in need else 0


def _after(rows: RowGraph, cuts: Sequence[Cut], last: Cut, pitch: int) -> dict[int, int]:
    """The smallest map of the next lower height after a chain, as far apart as the rows that it is made of."""
    lower = [t for p, t in cuts if p > last[0] and rows.shape[t][0] < rows.shape[last[1]][0]]
    if not lower:
        return {}
    height = rows.shape[lower[0]][0]
    stride = -(-rows.shape[last[1]][0] // height)
    same = [t for t in lower if rows.shape[t][0] == height and rows.shape[t][1] <= stride * pitch]
    return {min(same, key=lambda t: (rows.shape[t][1], same.index(t))): stride * pitch} if same else {}
