"""Machine code for processors and systems that are not at hand: it is generated, and not run."""

from __future__ import annotations

import llvmlite.binding as llvm
import numpy as np
import pytest

import tidu
from tidu.backends.native import build, library
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.layout import Request
from tidu.backends.native.processor import target
from tidu.backends.native.schedule.lowered import lowered
from tidu.ir.build import call, input_node
from tidu.ir.op import registered

AVX2 = ("avx", "avx2", "fma")
# how an object file starts: its format, then the processor
ELF_AARCH64 = b"\x7fELF\x02\x01"
MACH_ARM64, MACH_X86_64 = b"\xcf\xfa\xed\xfe\x0c\0\0\x01", b"\xcf\xfa\xed\xfe\x07\0\0\x01"
COFF_AMD64, COFF_ARM64 = b"\x64\x86", b"\x64\xaa"
# LLVM's triple, processor and features
MACHINES = {
    "Linux, AArch64": ("aarch64-unknown-linux-gnu", "generic", ("neon",), ELF_AARCH64),
    "macOS, Apple silicon": ("arm64-apple-darwin", "apple-m1", ("neon",), MACH_ARM64),
    "macOS, x86-64": ("x86_64-apple-darwin", "haswell", AVX2, MACH_X86_64),
    "Windows, x86-64": ("x86_64-pc-windows-msvc", "x86-64-v3", AVX2, COFF_AMD64),
    "Windows, AArch64": ("aarch64-pc-windows-msvc", "generic", ("neon",), COFF_ARM64),
}
ELEMENTWISE = [op for op in registered().values() if op.scalar is not None and op.samples]


@pytest.fixture(params=list(MACHINES))
def start_of_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Has the engine compile for another machine; how the files then start."""
    triple, cpu, known, start = MACHINES[request.param]
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    features = llvm.FeatureMap()
    features.update(dict.fromkeys(known, True))
    other = target(triple, cpu, features)
    assert other.vector_bytes == (32 if "avx" in known else 16)
    for module in (build, library):
        monkeypatch.setattr(module, "host", lambda: other)
    return start


def test_a_network_with_its_gradients(start_of_file: bytes) -> None:
    shapes = {"X": (64, 30), "W": (30, 50), "b": 50, "V": (50, 3), "y": (64, 3)}
    derivation = tidu.derive(
        "h = tanh(X @ W + b)\nL = mean((softmax(h @ V) - y)**2)", wrt="W,b,V", shapes=shapes
    )
    outputs = {"L": derivation.core.loss, **derivation.core.gradients}
    code = build.build(lowered(outputs, Request()), Request()).code
    assert code.startswith(start_of_file)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_elementwise_op(start_of_file: bytes, dtype: str) -> None:
    outputs = {}
    for op in ELEMENTWISE:
        operands, attributes = op.samples.make(np.random.default_rng(0))[0]
        arrays = [np.asarray(a) for a in operands]
        if any(a.dtype.kind == "c" for a in arrays):
            continue
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        inputs = [input_node(f"{op.name}{i}", a.shape, a.dtype.name) for i, a in enumerate(arrays)]
        outputs[op.name] = call(op, *inputs, **attributes)
    assert len(outputs) > len(FUNCTIONS)
    code = build.build(lowered(outputs, Request()), Request()).code
    assert code.startswith(start_of_file)
