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


class Definition:
    """What is in use while an operator runs after a set of others, straight from the definition."""

    def __init__(self, graph, in_place, overwrite_inputs, scratch):
        self.graph, self.in_place, self.overwrite_inputs, self.scratch = (
            graph,
            in_place,
            overwrite_inputs,
            scratch,
        )
        self.before, self.readers = predecessors(graph), graph.consumers()
        tensors = graph.tensors
        self.size = [0 if t.is_constant else aligned(t.size_bytes) for t in tensors]
        self.always = {t for t, tensor in enumerate(tensors) if tensor.is_variable} | set(graph.outputs)
        self.kind = [(t.size_bytes, t.dtype) for t in tensors]

    def ready(self, done):
        for i in range(len(self.graph.ops)):
            if i not in done and all(j in done for j in self.before[i]):
                yield i

    def live(self, done):
        """Tensors in use between two steps."""
        made = set(self.graph.inputs) | {t for i in done for t in self.graph.ops[i].outputs}
        unread = {t for t in made if any(r not in done for r in self.readers.get(t, ()))}
        return unread | (made & self.always) | {t for t in self.always if self.graph.tensors[t].is_variable}

    def peak(self, done, i):
        op, after = self.graph.ops[i], done | {i}
        present = self.live(done) | set(op.outputs) | (set() if done else set(self.graph.inputs))
        dying = present - self.live(after)
        total = sum(self.size[t] for t in present) + sum(map(aligned, self.scratch(self.graph, op)))
        listed = self.in_place.get(op.type, ())
        free = [
            t
            for t in sorted(set(op.inputs) - {t for p, t in enumerate(op.inputs) if p not in listed})
            if t in dying and self.size[t] and (self.overwrite_inputs or t not in self.graph.inputs)
        ]
        for output in op.outputs:
            match = next((t for t in free if self.kind[t] == self.kind[output]), None)
            if match is not None:
                free.remove(match)
                total -= self.size[output]
        return total


def brute_force(definition):
    """The smallest peak over all orders, and their number, by trying every one."""
    found = []

    def visit(done, peak):
        if len(done) == len(definition.graph.ops):
            found.append(peak)
        for i in definition.ready(done):
            visit(done | {i}, max(peak, definition.peak(done, i)))

    visit(frozenset(), 0)
    return min(found), len(found)


def over_all_sets(definition, limit):
    """The smallest peak by the recursion over the sets that have run; None above `limit` sets of one size."""
    peaks = {frozenset(): 0}
    for _ in definition.graph.ops:
        following = {}
        for done, peak in peaks.items():
            for i in definition.ready(done):
                through = max(peak, definition.peak(done, i))
                following[done | {i}] = min(through, following.get(done | {i}, through))
        peaks = following
        if len(peaks) > limit:
            return None
    return next(iter(peaks.values()))


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


def definition_of(graph, options):
    scratch = options["scratch"] or (lambda graph, op: [])
    return Definition(graph, options["in_place"] or {}, options["overwrite_inputs"], scratch)


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
        truth, count = brute_force(definition_of(graph, options))
        found = reorder(graph, **options)
        orders += count
        improved += found.peak_bytes < found.before_bytes
        assert found.peak_bytes == truth == found.lower_bound_bytes
        assert peak_of(graph, found.order, **options) == truth
        assert peak_of(graph, None, **options) == found.before_bytes
        if found.peak_bytes == found.before_bytes:
            assert found.order == tuple(range(len(graph.ops)))
    assert improved > 5 and orders > 3000


@pytest.mark.parametrize("part", range(4))
def test_peak_of_larger_graphs_equals_the_plain_recursion_over_sets(part):
    rng = random.Random(1000 + part)
    graphs = improved = 0
    while graphs < 25:
        graph = random_graph(rng, 22)
        if len(graph.ops) < 10:
            continue
        options = {
            "in_place": rng.choice((None, WHITELIST, WHITELIST)),
            "overwrite_inputs": rng.random() < 0.5,
            "scratch": rng.choice((None, scratch_of)),
        }
        truth = over_all_sets(definition_of(graph, options), 250)
        if truth is None:
            continue
        graphs += 1
        found = reorder(graph, **options)
        improved += found.peak_bytes < found.before_bytes
        assert found.peak_bytes == truth == found.lower_bound_bytes
        assert peak_of(graph, found.order, **options) == truth
    assert improved > 8
