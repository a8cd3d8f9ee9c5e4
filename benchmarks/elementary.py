"""`python -m benchmarks.elementary`: the elementary functions of native programs beside NumPy's.

Nanoseconds an element on one core, arrays of 8,192 elements, which stay in the cache. Names of
functions after it choose among them.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from llvmlite import binding, ir

from benchmarks.timing import interleaved, ratio
from tidu.backends.native.elementary import FUNCTIONS, emit

TYPES = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
WIDTHS = {"float32": 16, "float64": 8}


def _machine(cpu: str | None = None) -> Any:
    """The host's, or another's; one for each engine, which disposes of it."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    features = "" if cpu else binding.get_host_cpu_features().flatten()
    name = cpu or binding.get_host_cpu_name()
    return target.create_target_machine(cpu=name, features=features, opt=3, jit=True)


def module_of(name: str, dtype: str, lanes: int) -> Any:
    """`void run(T *out, T *x, ..., i64 n)` with n a multiple of the lanes."""
    module = ir.Module(name)
    module.triple = binding.get_process_triple()
    count = FUNCTIONS[name]
    element = TYPES[dtype]
    whole = element if lanes == 1 else ir.VectorType(element, lanes)
    i64 = ir.IntType(64)
    kind = ir.FunctionType(ir.VoidType(), [element.as_pointer()] * (count + 1) + [i64])
    function = ir.Function(module, kind, "run")
    for argument in function.args[:-1]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    start = builder.block
    loop, end = function.append_basic_block("loop"), function.append_basic_block("end")
    n = function.args[-1]
    builder.cbranch(builder.icmp_unsigned(">", n, ir.Constant(i64, 0)), loop, end)
    builder.position_at_end(loop)
    at = builder.phi(i64)
    at.add_incoming(ir.Constant(i64, 0), start)

    def place(argument: Any) -> Any:
        return builder.bitcast(builder.gep(argument, [at]), whole.as_pointer())

    size = 4 if dtype == "float32" else 8
    operands = [builder.load(place(a), align=size) for a in function.args[1:-1]]
    builder.store(emit(builder, name, *operands), place(function.args[0]), align=size)
    after = builder.add(at, ir.Constant(i64, lanes))
    at.add_incoming(after, builder.block)
    builder.cbranch(builder.icmp_unsigned("<", after, n), loop, end)
    builder.position_at_end(end)
    builder.ret_void()
    return module


class Compiled:
    """One function, from arrays to an array."""

    def __init__(
        self, name: str, dtype: str, lanes: int | None = None, cpu: str | None = None
    ) -> None:
        self.lanes = WIDTHS[dtype] if lanes is None else lanes
        self.dtype = np.dtype(dtype)
        machine = _machine(cpu)
        module = binding.parse_assembly(str(module_of(name, dtype, self.lanes)))
        module.verify()
        passes = binding.create_pass_builder(
            machine, binding.create_pipeline_tuning_options(speed_level=3)
        )
        passes.getModulePassManager().run(module, passes)
        self.assembly = machine.emit_assembly(module)
        self.engine = binding.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        address = self.engine.get_function_address("run")
        pointers = [ctypes.c_void_p] * (FUNCTIONS[name] + 1)
        self.call = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)(address)

    def __call__(self, *operands: Any) -> Any:
        given = [np.ascontiguousarray(x, self.dtype).ravel() for x in operands]
        size = given[0].size
        padded = -(-size // self.lanes) * self.lanes
        given = [np.concatenate([x, np.ones(padded - size, self.dtype)]) for x in given]
        out = np.empty(padded, self.dtype)
        self.run(out, given)
        return out[:size].reshape(np.shape(operands[0]))

    def run(self, out: Any, given: Sequence[Any]) -> None:
        self.bound(out, given)()

    def bound(self, out: Any, given: Sequence[Any]) -> Callable[[], None]:
        """The call on these arrays, for taking its time."""
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (out, *given)]
        size = ctypes.c_int64(out.size)
        return lambda: self.call(*pointers, size)


@cache
def compiled(name: str, dtype: str, lanes: int | None = None) -> Compiled:
    return Compiled(name, dtype, lanes)


# ------------------------------------------------------------------ the table
SIZE, REPEATS, ROUNDS = 8_192, 20, 15
# What NumPy has under another name, or has to put together.
OTHERS = {
    "sigmoid": lambda x, out: np.divide(np.exp(np.minimum(x, 0)), 1 + np.exp(-np.abs(x)), out=out),
    "round": np.rint,
}
MISSING = frozenset(("erf", "erfc", "logb", "one_minus_sigmoid", "sech_squared"))  # from NumPy


def _operands(name: str, dtype: str) -> list[Any]:
    random = np.random.default_rng(0)
    values = [random.normal(size=SIZE) for _ in range(FUNCTIONS[name])]
    if name in ("sqrt", "log", "log2", "log10", "log1p", "pow"):
        values[0] = np.abs(values[0])
    if name in ("asin", "acos", "atanh"):
        values[0] = np.tanh(values[0])
    if name == "acosh":
        values[0] = 1 + np.abs(values[0])
    return [v.astype(dtype) for v in values]


def _repeated(run: Any) -> None:
    for _ in range(REPEATS):
        run()


def row(name: str, dtype: str) -> str:
    given = _operands(name, dtype)
    out = np.empty(SIZE, dtype)
    candidates = [("native", partial(_repeated, compiled(name, dtype).bound(out, given)))]
    if name not in MISSING:
        function: Any = OTHERS.get(name) or getattr(np, name)
        candidates.append(("numpy", partial(_repeated, partial(function, *given, out=out))))
    timed = interleaved(candidates, ROUNDS)
    each = [t.best / REPEATS / SIZE * 1e9 for t in timed]
    beside = f"{each[1]:8.2f} {ratio(*timed):8.2f}" if len(each) == 2 else ""
    return f"{name:<10} {dtype:<8} {each[0]:8.2f} {beside}"


def main(names: Sequence[str] = ()) -> None:
    print(f"{'function':<10} {'dtype':<8} {'native':>8} {'numpy':>8} {'ratio':>8}   ns an element")
    for name in names or FUNCTIONS:
        for dtype in TYPES:
            print(row(name, dtype), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
