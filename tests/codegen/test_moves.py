"""Walks with merged axes visit what the plain ones visit, in the same order."""

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tflm_mcunet.codegen.axes import merge, strides
from tflm_mcunet.codegen.moves import AXES, Part, move_params, part

SHAPES = st.lists(st.integers(1, 4), min_size=0, max_size=5).map(tuple)


def walked(walk: Part) -> list[tuple[int, int]]:
    """(source byte, target byte) of every byte that a part copies, in order."""
    pairs = []
    for index in itertools.product(*(range(n) for n in walk.extent)):
        source = walk.source_offset + sum(i * s for i, s in zip(index, walk.source_stride))
        target = walk.target_offset + sum(i * s for i, s in zip(index, walk.target_stride))
        pairs += [(source + i, target + i) for i in range(walk.run_bytes)]
    return pairs


@given(SHAPES, st.data())
def test_a_part_moves_the_same_bytes_as_the_plain_walk(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    signs = [data.draw(st.sampled_from((1, -1, 2))) for _ in shape]
    steps = [strides(shape)[i] * sign for i, sign in zip(order, signs)]
    extent = [shape[i] for i in order]
    item_bytes = data.draw(st.sampled_from((1, 4)))
    plain = []
    for index in itertools.product(*(range(n) for n in extent)):
        source = 7 + sum(i * s for i, s in zip(index, steps))
        target = 3 + sum(i * s for i, s in zip(index, strides(extent)))
        plain += [(source * item_bytes + b, target * item_bytes + b) for b in range(item_bytes)]
    walk = part(extent, steps, strides(extent), item_bytes, 7, 3)
    assert walked(walk) == plain
    assert all(n > 1 for n in walk.extent)


@given(SHAPES)
def test_a_copy_of_a_whole_tensor_is_one_run(shape):
    walk = part(shape, strides(shape), strides(shape), 2)
    assert walk == Part((), (), (), 0, 0, 2 * math.prod(shape))


@given(SHAPES, st.data())
def test_merged_axes_reach_the_same_elements(shape, data):
    kinds = [data.draw(st.booleans()) for _ in shape]
    values = np.arange(math.prod(shape)).reshape(shape)
    axes = merge(shape, kinds)
    for kind in (True, False):
        ours = [a for a in axes if a.kind is kind]
        reached = {
            sum(i * a.stride for i, a in zip(index, ours)) for index in np.ndindex(*(a.extent for a in ours))
        }
        others = tuple(0 if k is not kind else slice(None) for k in kinds)
        assert reached == {int(v) for v in np.atleast_1d(values[others]).reshape(-1)}
    assert all(a.kind is not b.kind for a, b in itertools.pairwise(axes))


def test_the_kernels_tables_are_filled_from_the_outside():
    params = move_params([part((2, 3), (8, 2), (3, 1), 1, 1)], fill_bytes=9, fill=(5, 5, 5, 5))
    assert params.fields["extent"].values.tolist() == [[1] * (AXES - 2) + [2, 3]]
    assert params.fields["source_stride"].values.tolist() == [[0] * (AXES - 2) + [8, 2]]
    assert params.fields["source_offset"].values.tolist() == [1]
    assert params.fields["run_bytes"].values.tolist() == [1]
