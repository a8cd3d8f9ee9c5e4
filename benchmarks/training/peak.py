"""The machine's peak: multiplications with an addition, from registers, on one core and on all."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from benchmarks.training.machine import cores
from benchmarks.training.workload import Array, Problem

CHAINS = 12  # independent: more than start in the time that one takes
TURNS = 200_000  # of the loop that is one step here


class Peak:
    """Looks like a trainer; a step is `operations` operations, shared among `threads`."""

    threads = cores()

    def __init__(self, problem: Problem) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        known = llvm.get_host_cpu_features()
        width = 64 if known.get("avx512f") else 32 if known.get("avx") else 16
        self.lanes = width // (8 if problem.work.dtype == "float64" else 4)
        element: Any = ir.DoubleType() if problem.work.dtype == "float64" else ir.FloatType()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=known.flatten(), opt=3, jit=True
        )
        parsed = llvm.parse_assembly(str(_module(ir.VectorType(element, self.lanes))))
        parsed.verify()
        self.engine = llvm.create_mcjit_compiler(parsed, machine)
        self.engine.finalize_object()
        address = self.engine.get_function_address("peak")
        self.call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(address)
        self.results = [ctypes.create_string_buffer(width * 2) for _ in range(self.threads)]

    @property
    def operations(self) -> int:
        return 2 * self.lanes * CHAINS * TURNS * self.threads

    def reset(self, rate: float) -> None:
        pass

    def run(self, steps: int) -> None:
        given = [(steps * TURNS, ctypes.addressof(result)) for result in self.results]
        others = [threading.Thread(target=self.call, args=each) for each in given[1:]]
        for other in others:
            other.start()
        self.call(*given[0])
        for other in others:
            other.join()

    def loss(self) -> float:
        return 0.0

    def parameters(self) -> list[Array]:
        return []


class PeakOfOne(Peak):
    threads = 1


def _module(vector: Any) -> ir.Module:
    """`peak(n, out)`: n turns of one multiplication with addition in each chain."""
    module = ir.Module("peak")
    i64 = ir.IntType(64)
    type = ir.FunctionType(ir.VoidType(), [i64, ir.PointerType()])
    function = ir.Function(module, type, "peak")
    kind = "f64" if isinstance(vector.element, ir.DoubleType) else "f32"
    ternary = ir.FunctionType(vector, [vector] * 3)
    fma = ir.Function(module, ternary, f"llvm.fma.v{vector.count}{kind}")
    count, out = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    entry, loop, end = builder.block, *map(function.append_basic_block, ("loop", "end"))
    builder.branch(loop)
    builder.position_at_end(loop)
    at = builder.phi(i64)
    at.add_incoming(ir.Constant(i64, 0), entry)

    def every(value: float) -> Any:
        return ir.Constant(vector, [ir.Constant(vector.element, value)] * vector.count)

    chains = [builder.phi(vector) for _ in range(CHAINS)]
    results: list[Any] = []
    for number, chain in enumerate(chains):
        chain.add_incoming(every(float(number)), entry)
        results.append(builder.call(fma, [chain, every(0.5), every(1.0)]))  # tends to 2
        chain.add_incoming(results[-1], loop)
    following = builder.add(at, ir.Constant(i64, 1))
    at.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, end)
    builder.position_at_end(end)
    total = results[0]
    for result in results[1:]:
        total = builder.fadd(total, result)
    builder.store(total, out, align=1)
    builder.ret_void()
    return module
