"""The generated programs of real networks compute TFLite Micro's bytes."""

import numpy as np
from harness import run_graphs
from kernel_check import values

from tflm_mcunet import tflite
from tflm_mcunet.tflm import interpreter


def test_real_models_equal_tflite_micro(shared_models):
    paths = sorted(shared_models.glob("*.tflite"))
    graphs = [tflite.read(p.read_bytes()) for p in paths]
    feeds = []
    for seed, graph in enumerate(graphs):
        random = np.random.default_rng(seed)
        feeds.append([[values(graph.tensors[i], random) for i in graph.inputs] for _ in range(3)])
    computed = run_graphs(graphs, feeds)
    for path, feed, results in zip(paths, feeds, computed, strict=True):
        truth = interpreter.run(path.read_bytes(), feed).outputs
        for inference in range(3):
            for expected, result in zip(truth[inference], results[inference], strict=True):
                assert expected.tobytes() == result.tobytes(), f"{path.name}, input {inference}"
