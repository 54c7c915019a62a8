"""The device files: reading them strictly, and finding one by name, alias or near miss."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tflm_mcunet.errors import UsageError
from tflm_mcunet.targets.target import Bank, Source, Target

_FOLDER = Path(__file__).parent

#: Key -> (type, required) of a device file, of its [[banks]] and of its [[sources]].
_DEVICE_KEYS: Mapping[str, tuple[type, bool]] = {
    "name": (str, True),
    "sram": (int, True),
    "flash": (int, False),
    "core": (str, True),
    "clock_hz": (int, False),
    "flash_tool": (str, False),
    "emulator": (str, False),
    "aliases": (list, False),
    "banks": (list, False),
    "sources": (list, False),
    "notes": (str, False),
}
_BANK_KEYS: Mapping[str, tuple[type, bool]] = {
    "name": (str, True),
    "bytes": (int, True),
    "address": (int, False),
}
_SOURCE_KEYS: Mapping[str, tuple[type, bool]] = {
    "title": (str, True),
    "document": (str, True),
    "says": (str, False),
}


def read_device(path: Path) -> Target:
    """Read one device file; every key must be known and of its type.

    Raises:
        UsageError: the file cannot be read, is no TOML, or says something that a Target cannot hold.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"Cannot read target file {path}: {reason}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"Target file {path} is not valid TOML: {error}.") from error
    _check_keys(path, "", table, _DEVICE_KEYS)
    for alias in table.get("aliases", []):
        if not isinstance(alias, str):
            raise UsageError(f"Target file {path}: expected aliases to be strings, got {alias!r}.")
    try:
        return Target(
            name=table["name"],
            sram=table["sram"],
            flash=table.get("flash"),
            core=table["core"],
            clock_hz=table.get("clock_hz"),
            banks=tuple(Bank(**bank) for bank in _tables(path, table, "banks", _BANK_KEYS)),
            flash_tool=table.get("flash_tool"),
            emulator=table.get("emulator"),
            aliases=tuple(table.get("aliases", [])),
            sources=tuple(Source(**source) for source in _tables(path, table, "sources", _SOURCE_KEYS)),
            notes=table.get("notes", ""),
        )
    except UsageError as error:
        raise UsageError(f"Target file {path}: {error.message}", error.hint) from error


def _tables(
    path: Path, table: Mapping[str, Any], name: str, keys: Mapping[str, tuple[type, bool]]
) -> list[Any]:
    entries = table.get(name, [])
    for entry in entries:
        if not isinstance(entry, dict):
            raise UsageError(f"Target file {path}: expected [[{name}]] tables, got {entry!r}.")
        _check_keys(path, f"{name}.", entry, keys)
    return list(entries)


def _check_keys(
    path: Path, prefix: str, table: Mapping[str, Any], keys: Mapping[str, tuple[type, bool]]
) -> None:
    for key, value in table.items():
        if key not in keys:
            close = difflib.get_close_matches(key, keys, n=1)
            hint = f"Did you mean {prefix}{close[0]}?" if close else "Known keys: " + ", ".join(keys) + "."
            raise UsageError(f"Target file {path}: unknown key {prefix}{key}.", hint)
        kind = keys[key][0]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UsageError(
                f"Target file {path}: expected {prefix}{key} to be {kind.__name__}, got {value!r}."
            )
    for key, (_, required) in keys.items():
        if required and key not in table:
            raise UsageError(f"Target file {path}: {prefix}{key} is missing.")


@lru_cache(maxsize=1)
def devices() -> Mapping[str, Target]:
    """Name -> Target of every device that comes with the package; names and aliases are unique."""
    found: dict[str, Target] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        target = read_device(path)
        found[target.name] = target
    return found


@lru_cache(maxsize=1)
def _by_key() -> Mapping[str, Target]:
    index: dict[str, Target] = {}
    for target in devices().values():
        for name in (target.name, *target.aliases):
            other = index.setdefault(_key(name), target)
            if other is not target:
                raise UsageError(f"Targets {other.name!r} and {target.name!r} share the name {name!r}.")
    return index


def _key(name: str) -> str:
    """Names compare without case, blanks, dashes and underscores: "rp-2040" finds "RP2040"."""
    return "".join(c for c in name.casefold() if c not in " -_")


def find(name: str | Path) -> Target:
    """See `Target.load`."""
    if isinstance(name, Path) or name.endswith(".toml"):
        return read_device(Path(name))
    index = _by_key()
    target = index.get(_key(name))
    if target is not None:
        return target
    spelled = {_key(spelling): spelling for t in devices().values() for spelling in (t.name, *t.aliases)}
    close = [spelled[key] for key in difflib.get_close_matches(_key(name), index, n=3, cutoff=0.6)]
    listing = "`tflm-mcunet targets` lists the devices; a path to a TOML file of your own works too."
    raise UsageError(
        f"Unknown target {name!r}.", f"Did you mean {' or '.join(close)}? {listing}" if close else listing
    )
