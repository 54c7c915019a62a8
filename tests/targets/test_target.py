"""A Target is found by any of its names, read strictly, and refuses what cannot be."""

from __future__ import annotations

import pytest

from tflm_mcunet.errors import UsageError
from tflm_mcunet.targets import Bank, Target, as_target


@pytest.mark.parametrize(
    "name, found",
    [
        ("STM32F746", "STM32F746"),
        ("stm32f746", "STM32F746"),
        ("NUCLEO-F746ZG", "STM32F746"),
        ("esp32s3", "ESP32-S3"),
        ("Esp32_S3", "ESP32-S3"),
        ("arduino nano 33 ble", "Arduino Nano 33 BLE"),
        ("teensy 4.1", "i.MX RT1062"),
        ("pico", "RP2040"),
    ],
)
def test_a_device_is_found_in_any_spelling(name, found):
    assert Target.load(name).name == found


def test_a_near_miss_is_suggested():
    with pytest.raises(UsageError) as error:
        Target.load("STM32F764")
    assert "STM32F764" in error.value.message
    assert "STM32F746" in error.value.hint


def test_a_name_like_nothing_gets_the_way_to_the_list():
    with pytest.raises(UsageError) as error:
        Target.load("qqqqqqqqqqqq")
    assert "targets" in error.value.hint
    assert "Did you mean" not in error.value.hint


def test_a_target_can_be_made_from_a_budget():
    target = Target(name="mine", sram=320_000, flash=1_000_000, core="cortex-m7")
    assert (target.contiguous_sram, target.clock_hz, target.banks) == (320_000, None, ())
    assert as_target(target) is target
    assert as_target(None) is None


def test_contiguous_sram_is_the_longest_run_of_touching_banks():
    banks = (Bank("a", 100, 0), Bank("c", 60, 1000), Bank("b", 30, 100), Bank("d", 80, 1060), Bank("e", 90))
    target = Target(name="t", sram=360, banks=banks)
    assert target.contiguous_sram == 140
    assert target.largest_bank == 100


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"sram": 0}, "sram"),
        ({"sram": True}, "sram"),
        ({"sram": "320k"}, "sram"),
        ({"sram": 100, "flash": -1}, "flash"),
        ({"sram": 100, "core": "cortex-m9"}, "cortex-m9"),
        ({"sram": 100, "emulator": "qemu:z80"}, "z80"),
        ({"sram": 100, "banks": (("a", 60), ("b", 50))}, "110"),
        ({"sram": 100, "banks": (("a", 50), ("a", 50))}, "same name"),
        ({"sram": 100, "banks": (("a", 50, 0), ("b", 50, 49))}, "overlap"),
        ({"sram": 100, "banks": (("a", 100, -4),)}, "address"),
    ],
)
def test_impossible_figures_are_refused(fields, says):
    with pytest.raises(UsageError) as error:
        Target(name="t", **fields)
    assert says in error.value.message


def test_a_file_of_the_users_own_is_read(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nsram = 65_536\ncore = "cortex-m4"\n[[banks]]\nname = "a"\nbytes = 65536\n'
    )
    target = Target.load(str(path))
    assert (target.name, target.flash, target.contiguous_sram) == ("mine", None, 65_536)


@pytest.mark.parametrize(
    "text, says",
    [
        ('name = "x"\ncore = "cortex-m4"\n', "sram is missing"),
        ('name = "x"\nsram = 1\ncore = "cortex-m4"\nflahs = 3\n', "unknown key flahs"),
        ('name = "x"\nsram = "1"\ncore = "cortex-m4"\n', "expected sram to be int"),
        ('name = "x"\nsram = true\ncore = "cortex-m4"\n', "expected sram to be int"),
        ('name = "x"\nsram = 1\ncore = "cortex-m4"\naliases = [3]\n', "aliases"),
        ('name = "x"\nsram = 1\ncore = "cortex-m4"\nbanks = [3]\n', "[[banks]]"),
        (
            'name = "x"\nsram = 1\ncore = "cortex-m4"\n[[banks]]\nname = "a"\nsize = 1\n',
            "unknown key banks.size",
        ),
        ('name = "x"\nsram = 2\ncore = "cortex-m4"\n[[banks]]\nname = "a"\nbytes = 1\n', "sum to 1"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_path(tmp_path, text, says):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        Target.load(path)
    assert says in error.value.message
    assert str(path) in error.value.message


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="Cannot read"):
        Target.load(tmp_path / "none.toml")
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not valid TOML"):
        Target.load(tmp_path / "bin.toml")


def test_the_target_argument_takes_nothing_else():
    with pytest.raises(UsageError, match="int"):
        as_target(746)  # type: ignore[arg-type]
