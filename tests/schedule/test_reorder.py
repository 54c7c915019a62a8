"""The order found has the smallest peak of all orders."""

from __future__ import annotations

import random

import pytest
from schedule_graphs import WHITELIST, random_graph

from tflm_mcunet.schedule.dependencies import predecessors
from tflm_mcunet.schedule.lifetimes import lifetimes, live_bytes
from tflm_mcunet.schedule.reorder import reorder
from tflm_mcunet.schedule.schedule import aligned


def peak_of(graph, order, **options):
    found = lifetimes(graph, order, **options)
    return max(live_bytes(found.buffers, found.steps))


def brute_force(graph, in_place, overwrite_inputs, scratch):
    """The smallest peak over all orders, by trying them all, straight from the definition of what is in use."""
    before = predecessors(graph)
    tensors, size = graph.tensors, {}
    for t, tensor in enumerate(tensors):
        size[t] = 0 if tensor.is_constant else aligned(tensor.size_bytes)
    always = {t for t, tensor in enumerate(tensors) if tensor.is_variable} | set(graph.outputs)
    readers = graph.consumers()
    best = [1 << 60]
    orders = [0]

    def visit(done, live, peak):
        if len(done) == len(graph.ops):
            orders[0] += 1
            best[0] = min(best[0], peak)
            return
        for i, op in enumerate(graph.ops):
            if i in done or any(j not in done for j in before[i]):
                continue
            after = done | {i}
            present = live | set(op.outputs) | (set(graph.inputs) if not done else set())
            dying = {t for t in present - always if all(r in after for r in readers.get(t, ()))}
            total = sum(size[t] for t in present if not tensors[t].is_constant)
            total += sum(map(aligned, scratch(graph, op)))
            free = [
                t
                for t in sorted({t for p, t in enumerate(op.inputs) if p in in_place.get(op.type, ())})
                if t in dying and not tensors[t].is_constant and (overwrite_inputs or t not in graph.inputs)
            ]
            for output in op.outputs:
                same = (tensors[output].size_bytes, tensors[output].dtype)
                match = next((t for t in free if (tensors[t].size_bytes, tensors[t].dtype) == same), None)
                if match is not None:
                    free.remove(match)
                    total -= size[output]
            visit(after, present - dying, max(peak, total))

    start = {t for t, tensor in enumerate(tensors) if tensor.is_variable}
    visit(frozenset(), start | {t for t in graph.inputs if t in readers or t in graph.outputs}, 0)
    return best[0], orders[0]


def order_count(graph, limit):
    """Number of orders, by a count over sets of operators; stops above `limit`."""
    before = predecessors(graph)
    ways = {frozenset(): 1}
    for _ in graph.ops:
        following = {}
        for done, count in ways.items():
            for i in range(len(graph.ops)):
                if i not in done and all(j in done for j in before[i]):
                    following[done | {i}] = following.get(done | {i}, 0) + count
        ways = following
        if sum(ways.values()) > limit:
            return limit + 1
    return sum(ways.values())


def scratch_of(graph, op):
    return [len(op.inputs) * 40] if op.type == "CONV_3D" else []


@pytest.mark.parametrize("part", range(10))
def test_peak_equals_brute_force_over_all_orders(part):
    rng = random.Random(part)
    graphs, improved, orders = 0, 0, 0
    while graphs < 60:
        graph = random_graph(rng)
        if not 1 < order_count(graph, 1500) <= 1500:
            continue
        graphs += 1
        options = {
            "in_place": rng.choice((None, WHITELIST)),
            "overwrite_inputs": rng.random() < 0.5,
            "scratch": rng.choice((None, scratch_of)),
        }
        truth, count = brute_force(
            graph,
            options["in_place"] or {},
            options["overwrite_inputs"],
            options["scratch"] or (lambda g, o: []),
        )
        found = reorder(graph, **options)
        orders += count
        improved += found.peak_bytes < found.before_bytes
        assert found.peak_bytes == truth == found.lower_bound_bytes
        assert peak_of(graph, found.order, **options) == truth
        assert peak_of(graph, None, **options) == found.before_bytes
        if found.peak_bytes == found.before_bytes:
            assert found.order == tuple(range(len(graph.ops)))
    assert improved > 5 and orders > 3000
