"""Random graphs for the planners' tests, as plain data: only sizes, dependencies and operator types matter."""

from __future__ import annotations

import random

from tflm_mcunet.graph import Graph, Op, Tensor

#: What the random graphs may share: the first operand of RELU, either of ADD.
WHITELIST = {"RELU": (0,), "ADD": (0, 1)}


def random_graph(rng: random.Random, most_ops: int = 10) -> Graph:
    """A random DAG of up to `most_ops` operators, with several inputs and outputs, constants and variables.

    Few distinct sizes, so that in-place candidates and ties are common; some operators have several outputs, some
    outputs and inputs are never read, and some tensors are read twice by one operator.
    """
    sizes = rng.sample(range(1, 400), 4)
    tensors: list[Tensor] = []

    def tensor(**keywords) -> int:
        dtype = rng.choice(("int8", "int8", "int8", "int16"))
        tensors.append(Tensor(f"t{len(tensors)}", (rng.choice(sizes),), dtype, **keywords))
        return len(tensors) - 1

    inputs = [tensor() for _ in range(rng.randint(1, 3))]
    pool = list(inputs)
    constants = [tensor(data=b"") for _ in range(2)]
    variables = [tensor(is_variable=True)] if rng.random() < 0.15 else []
    recent = rng.random() < 0.5
    ops = []
    for _ in range(rng.randint(1, most_ops)):
        kind = rng.choice(("RELU", "RELU", "ADD", "ADD", "CONV_3D", "SPLIT", "CUSTOM", "CONCATENATION"))
        source = pool[-4:] if recent else pool
        reads = {"ADD": 2, "CONCATENATION": rng.randint(1, 3)}.get(kind, 1)
        operands = [rng.choice(source) for _ in range(reads)]
        if kind == "CONV_3D":
            operands += [rng.choice(constants), -1]
        if kind == "CUSTOM" and variables:
            operands += variables
        if kind in ("RELU", "ADD") and rng.random() < 0.8:
            like = tensors[rng.choice(operands)]
            tensors.append(Tensor(f"t{len(tensors)}", like.shape, like.dtype))
            outputs = [len(tensors) - 1]
        else:
            outputs = [tensor() for _ in range(rng.randint(1, 3) if kind in ("SPLIT", "CUSTOM") else 1)]
        pool += outputs
        ops.append(Op(kind, tuple(operands), tuple(outputs)))
    outputs = rng.sample(pool, min(len(pool), rng.randint(1, 3)))
    return Graph(tuple(tensors), tuple(ops), tuple(inputs), tuple(outputs))
