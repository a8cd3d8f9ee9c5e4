"""One program as an LLVM module: a function for each stage.

Stages that are alike, as the layers of a deep network are, share one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from tidu.backends.native.emit.loops import Frame, Work
from tidu.backends.native.emit.nest import emit
from tidu.backends.native.emit.product import emit_product
from tidu.backends.native.emit.registers import I64, POINTER
from tidu.backends.native.processor import Processor
from tidu.backends.native.schedule.nests import LoopNest, collapsed, nest_of_stage
from tidu.backends.native.schedule.plan import KernelStage, StageKind
from tidu.backends.native.schedule.signature import signature
from tidu.backends.native.schedule.tiling import product_of
from tidu.backends.native.schedule.together import pairs_within
from tidu.backends.native.tuning import Tuning
from tidu.ir.node import Node


@dataclass(frozen=True, eq=False)
class Kernel:
    """The compiled kernel of a stage: its function, its buffers, how threads share it."""

    function: Any  # an ir.Function; None for one that is called back
    buffers: tuple[Node, ...]
    work: Work
    scratch: int
    reads: frozenset[Node]
    writes: frozenset[Node]
    shared: bool  # whether all threads have a part in it; if not, it is the first thread's


@dataclass(eq=False)
class ModuleBuilder:
    """Builds the LLVM module of a program."""

    target: Processor
    stored: Callable[[Node], bool]
    memory: Callable[[Node], Node]  # the node whose buffer a node's value lies in
    tuning: Tuning
    module: Any = field(default_factory=lambda: ir.Module("tidu"))
    known: dict[Any, tuple[Any, Work, int]] = field(
        default_factory=dict[Any, tuple[Any, Work, int]]
    )

    def __post_init__(self) -> None:
        self.module.triple = self.target.triple
        self.module.data_layout = self.target.layout

    def kernel(self, stage: KernelStage) -> Kernel:
        """Return the function of a stage; one that is there already if it is alike."""
        if stage.kind is StageKind.CALL:
            assert stage.head is not None
            reads, writes = frozenset(stage.head.inputs), frozenset(stage.stores)
            return Kernel(None, (), Work(1, 1.0), 0, reads, writes, shared=False)
        nest = collapsed(nest_of_stage(stage, self.stored))
        buffers = tuple(dict.fromkeys(map(self.memory, nest.buffers())))
        written = [*nest.stores, *(store for _, store in nest.sources)]
        writes = frozenset(store.node for store in written)
        reads = frozenset(nest.buffers())
        slots = {node: buffers.index(self.memory(node)) for node in nest.buffers()}
        key = signature(nest, slots)
        if key not in self.known:
            self.known[key] = self._function(nest, slots)
        function, work, scratch = self.known[key]
        shared = work.worth_sharing(self.tuning.worth_sharing)
        return Kernel(function, buffers, work, scratch, reads, writes, shared)

    def _function(self, nest: LoopNest, slots: Mapping[Node, int]) -> tuple[Any, Work, int]:
        count = len(set(slots.values()))
        type = ir.FunctionType(ir.VoidType(), [*[POINTER] * (count + 2), I64, I64])
        function = ir.Function(self.module, type, f"stage{len(self.known)}")
        function.linkage = "internal"
        function.attributes.add("nounwind")
        for argument in function.args[:-2]:
            argument.add_attribute("noalias")
        *pointers, error, scratch, begin, end = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        table = {node: pointers[slot] for node, slot in slots.items()}
        accumulators, pairs = self.tuning.accumulators, pairs_within(nest.roots())
        frame = Frame(builder, table, error, scratch, begin, end, accumulators, pairs)
        product = product_of(nest, self.target)
        if product is None:
            work, room = emit(frame, nest, self.target), 0
        else:
            work, room = emit_product(frame, product), product.scratch()
        builder.ret_void()
        return function, work, room
