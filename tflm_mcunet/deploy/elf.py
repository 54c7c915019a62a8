"""Reads what we need of a linked 32-bit ELF file: section sizes and symbols."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tflm_mcunet.errors import ToolError

_SHF_ALLOC = 2
_SHT_NOBITS = 8
_PT_LOAD = 1
_SHT_SYMTAB = 2
_STT_FUNC = 2
_STT_FILE = 4
_STB_LOCAL = 0
_SYMBOL_BYTES = 16


@dataclass(frozen=True)
class Section:
    """A section header.

    Attributes:
        name: str.
        kind: the type code of the ELF format.
        allocated: whether it occupies memory of the device.
        address: where it is while the program runs.
        load_address: where its content waits before start-up, in flash for .data; `address` for most.
        offset: where its content is in the file.
        size: bytes.
        link: index of the section with its names, for symbol tables.
    """

    name: str
    kind: int
    allocated: bool
    address: int
    load_address: int
    offset: int
    size: int
    link: int

    @property
    def stored(self) -> bool:
        """Whether it has content in the file, so that it takes flash."""
        return self.allocated and self.kind != _SHT_NOBITS


def read_sections(elf: bytes) -> list[Section]:
    """The section headers of a little-endian ELF32 file.

    Raises:
        ToolError: not such a file.
    """
    if elf[:6] != b"\x7fELF\x01\x01":
        raise ToolError("expected a 32-bit little-endian ELF file from the linker")
    segment_table, table = struct.unpack_from("<II", elf, 28)
    segment_size, segment_count, entry_size, count, names_index = struct.unpack_from("<5H", elf, 42)
    loads = []
    for i in range(segment_count):
        kind, offset, virtual, physical, size = struct.unpack_from(
            "<5I", elf, segment_table + i * segment_size
        )
        if kind == _PT_LOAD:
            loads.append((offset, virtual, physical, size))
    raw = [struct.unpack_from("<10I", elf, table + i * entry_size) for i in range(count)]
    names_at = raw[names_index][4]
    sections = []
    for name, kind, flags, address, offset, size, link, *_ in raw:
        load_address = address
        for segment_offset, virtual, physical, bytes_in_file in loads:
            inside = segment_offset <= offset and offset + size <= segment_offset + bytes_in_file
            if inside and kind != _SHT_NOBITS:
                load_address = physical + address - virtual
        allocated = bool(flags & _SHF_ALLOC)
        text = _string(elf, names_at + name)
        sections.append(Section(text, kind, allocated, address, load_address, offset, size, link))
    return sections


@dataclass(frozen=True)
class Symbol:
    """A named place of the program.

    Attributes:
        name: str. As the linker knows it.
        kind: the type code of the ELF format; see `is_function`.
        address: without the mark that Thumb functions carry in bit 0.
        size: bytes.
        file: the source file of a local symbol, "" for a global one.
    """

    name: str
    kind: int
    address: int
    size: int
    file: str

    @property
    def is_function(self) -> bool:
        return self.kind == _STT_FUNC


def read_symbols(elf: bytes) -> list[Symbol]:
    """Every symbol of a little-endian ELF32 file, in the file's order.

    Raises:
        ToolError: not such a file.
    """
    sections = read_sections(elf)
    symbols, file = [], ""
    for table in sections:
        if table.kind != _SHT_SYMTAB:
            continue
        names_at = sections[table.link].offset
        for at in range(table.offset, table.offset + table.size, _SYMBOL_BYTES):
            name, value, size, info = struct.unpack_from("<IIIB", elf, at)
            kind, text = info & 15, _string(elf, names_at + name)
            if kind == _STT_FILE:
                file = text
                continue
            address = value & ~1 if kind == _STT_FUNC else value
            symbols.append(Symbol(text, kind, address, size, file if info >> 4 == _STB_LOCAL else ""))
    return symbols


def function_at(elf: Path, address: int) -> str:
    """The function that holds `address` as "name+0x12", or "" when there is none."""
    for symbol in read_symbols(elf.read_bytes()):
        if symbol.is_function and symbol.address <= address < symbol.address + symbol.size:
            return f"{symbol.name}+0x{address - symbol.address:x}"
    return ""


def _string(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode("utf-8", "replace")
