"""RunResult and its sizes: readable by key and by attribute, absent where not measured."""

import copy
import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from tflm_mcunet.deploy.result import FlashBytes, RunResult, SramBytes


def test_sizes_are_a_dict_whose_names_are_attributes():
    sram = SramBytes(stack=8, arena=100, static=None, total=108)
    assert json.dumps(sram) == '{"arena": 100, "stack": 8, "total": 108}'
    assert (sram.arena, sram["total"], sram.static) == (100, 108, None)
    with pytest.raises(AttributeError, match="SramBytes has arena, input, static, stack, total, not code"):
        _ = sram.code
    with pytest.raises(TypeError, match="FlashBytes has code, constants, total, not stack"):
        FlashBytes(stack=1)
    assert pickle.loads(pickle.dumps(sram)) == copy.deepcopy(sram) == sram
    assert type(copy.copy(sram)) is SramBytes


def test_a_result_takes_plain_mappings():
    result = RunResult("tflm", [np.zeros(2)], sram={"arena": 5})
    assert result.sram.arena == 5
    assert result.flash is None
    assert result.instructions_per_mac is None


def test_a_result_of_a_batch_counts_its_longest_inference():
    run = SimpleNamespace(instructions=[90, 120, 100], sram=SramBytes(arena=1), flash=FlashBytes(code=2))
    result = RunResult.of(run, on="qemu:cortex-m4", outputs=[], macs=60)
    assert (result.instructions, result.instructions_per_mac) == (120, 2.0)
    assert (result.sram.arena, result.flash.code) == (1, 2)
    none = RunResult.of(SimpleNamespace(instructions=None, sram=run.sram, flash=None), on="host", outputs=[])
    assert none.instructions is None
