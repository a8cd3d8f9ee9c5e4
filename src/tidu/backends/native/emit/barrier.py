"""Where threads wait for each other."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.registers import (
    I8,
    I32,
    I64,
    POINTER,
    Builder,
    Value,
    intrinsic,
    number,
)
from tidu.backends.native.layout import COUNT, TURN
from tidu.backends.native.processor import Processor

SPINS = 2000  # turns of waiting at a barrier before the thread lets others run


def barrier(module: Any, target: Processor) -> Any:
    """Write the barrier: no thread goes on before all have come. The last to come turns the
    page."""
    type = ir.FunctionType(ir.VoidType(), [POINTER, I64])
    function = ir.Function(module, type, "barrier")
    function.linkage = "internal"
    function.attributes.add("noinline")
    shared, threads = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    alone = builder.icmp_signed("==", threads, number(1))
    with builder.if_then(alone):
        builder.ret_void()
    count = builder.gep(shared, [number(COUNT)], source_etype=I8)
    turn = builder.gep(shared, [number(TURN)], source_etype=I8)
    now = builder.load_atomic(turn, "acquire", 8, typ=I64)
    came = builder.add(builder.atomic_rmw("add", count, number(1), "acq_rel"), number(1))
    last = builder.icmp_signed("==", came, threads)
    with builder.if_else(last) as (then, otherwise):
        with then:
            builder.atomic_rmw("xchg", count, number(0), "monotonic")
            builder.atomic_rmw("xchg", turn, builder.add(now, number(1)), "release")
        with otherwise:
            _wait(builder, turn, now, target)
    builder.ret_void()
    return function


def _wait(builder: Builder, turn: Value, now: Value, target: Processor) -> None:
    wait = builder.append_basic_block("wait")
    again = builder.append_basic_block("again")
    done = builder.append_basic_block("turned")
    before = builder.block
    builder.branch(wait)
    builder.position_at_end(wait)
    spins = builder.phi(I64)
    spins.add_incoming(number(0), before)
    seen = builder.load_atomic(turn, "acquire", 8, typ=I64)
    builder.cbranch(builder.icmp_signed("==", seen, now), again, done)
    builder.position_at_end(again)
    _pause(builder, target)
    following = builder.add(spins, number(1))
    long = builder.icmp_signed(">", following, number(SPINS))
    with builder.if_then(long, likely=False):
        intrinsic(builder, "sched_yield", I32)
    spins.add_incoming(following, builder.block)
    builder.branch(wait)
    builder.position_at_end(done)


def _pause(builder: Builder, target: Processor) -> None:
    if target.triple.startswith("x86_64"):
        intrinsic(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif target.triple.startswith(("aarch64", "arm64")):
        intrinsic(builder, "llvm.aarch64.hint", ir.VoidType(), ir.Constant(I32, 1))
