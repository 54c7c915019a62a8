"""Every field of every parameter structure is read from its header."""

import re

import pytest

from tflm_mcunet.codegen.structs import struct_fields
from tflm_mcunet.cpp import cpp_sources

KERNELS = cpp_sources() / "src" / "kernels"
STRUCTS = [
    (path.stem, name, body)
    for path in sorted(KERNELS.glob("*.h"))
    for name, body in re.findall(r"struct (\w+) \{(.*?)\n\};", path.read_text(), re.DOTALL)
    if "(*" not in body
]


@pytest.mark.parametrize("header, name, body", STRUCTS, ids=[name for _, name, _ in STRUCTS])
def test_no_member_is_missed(header, name, body):
    code = re.sub(r"//[^\n]*", "", body)
    declared = [
        re.sub(r"\[\w+\]", "", statement).split()[-1] for statement in code.split(";") if statement.strip()
    ]
    assert [f.name for f in struct_fields(f"kernels/{header}", name)] == declared
