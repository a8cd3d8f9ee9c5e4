"""A processor, as LLVM knows it, and machine code for it: the one at hand, or another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm


@dataclass(frozen=True, slots=True, eq=False)
class Processor:
    """A processor. `vector_bytes` is the width of a vector register, `registers` their number.

    Objects of LLVM are not told apart by threads: `machine` is used under a lock (see `library`).
    """

    machine: Any
    triple: str
    layout: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    def lanes(self, dtype: str) -> int:
        """Return how many numbers of a dtype fit into one vector register."""
        return self.vector_bytes // (4 if dtype == "float32" else 8)

    @property
    def name(self) -> str:
        """Return a text of what compiled code depends on: the processor, its features, LLVM's
        version."""
        return f"{self.triple} {self.cpu} {self.features} llvmlite {llvmlite.__version__}"


@cache
def host() -> Processor:
    """Return the processor that this process runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    return target(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


def target(triple: str, cpu: str, known: Any) -> Processor:
    """Return a processor by LLVM's names. `known` are its features, as llvmlite's FeatureMap has
    them."""
    features = known.flatten()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="pic", codemodel="small", jit=True
    )
    if known.get("avx512f"):
        width, registers = 64, 32
    elif known.get("avx"):
        width, registers = 32, 16
    else:
        width, registers = 16, 32 if "aarch64" in triple or "arm64" in triple else 16
    return Processor(machine, triple, str(machine.target_data), cpu, features, width, registers)
