"""Machine code in memory: LLVM's text to object code, object code to addresses."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from tidu.backends.native.processor import Processor, host

_lock = threading.RLock()  # LLVM's own objects are not safe to share
_count = itertools.count()
_engine: list[Any] = []  # the linker in use; each keeps a little of all that it ever linked
_LINKS = 64  # libraries that one linker links; it goes when the last of them goes


def _hold_for_fork() -> None:
    """Hold tidu's lock and llvmlite's own during a fork, since a child process has no copy of the
    thread that may be in the middle of LLVM."""
    llvm_lock = getattr(llvm.ffi.lib, "_lock", None)
    locks = [_lock, *([] if llvm_lock is None else [llvm_lock])]

    def before() -> None:
        for lock in locks:
            lock.__enter__()

    def after() -> None:
        for lock in reversed(locks):
            lock.__exit__(None, None, None)

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


if hasattr(os, "register_at_fork"):
    _hold_for_fork()


@dataclass(frozen=True, eq=False)
class Library:
    """Loaded code. `tracker` unloads it when nothing refers to it any more."""

    tracker: Any

    def address(self, name: str) -> int:
        return self.tracker[name]


def object_code(text: str, *, straight: bool = False) -> bytes:
    """Return the object code of a module, for the processor at hand. `straight` code has no loops
    of its own: LLVM puts what lies side by side into vectors."""
    target = host()
    with _lock:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.verify()
        (_vectorise if straight else _tidy)(module, target)
        return target.machine.emit_object(module)


def _tidy(module: Any, target: Processor) -> None:
    """Run LLVM's cleaning passes only: loops are already vectorised and unrolled.

    Looking for what is calculated twice, and combining again after it, took twice as long and made
    no program faster of those that `make bench` times.
    """
    builder = llvm.create_pass_builder(target.machine, llvm.create_pipeline_tuning_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_loop_rotate_pass()
    _run(passes, module, builder)


def _vectorise(module: Any, target: Processor) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.slp_vectorization = True
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(target.machine, options)
    _run(builder.getModulePassManager(), module, builder)


def _run(passes: Any, module: Any, builder: Any) -> None:
    """Run passes and free them. In llvmlite's class a base's empty method hides the one that frees,
    and each pipeline would stay in memory, with all that its passes remember of the module."""
    try:
        passes.run(module, builder)
    finally:
        for kind in type(passes).__mro__:
            if kind is not llvm.ffi.ObjectRef and "_dispose" in vars(kind):
                vars(kind)["_dispose"](passes)
                passes.detach()
                break


def load(code: bytes, names: Sequence[str], given: Mapping[str, int]) -> Library:
    """Link object code. The functions of these `names` can be called; `given` holds the addresses
    of functions that the code calls."""
    with _lock:
        number = next(_count)
        if not _engine or number % _LINKS == 0:
            host()
            _engine[:] = [llvm.create_lljit_compiler()]
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in names:
            builder.export_symbol(name)
        for name, address in given.items():
            builder.import_symbol(name, address)
        tracker: Any = builder.link(_engine[0], f"tidu{number}")
        tracker.engine = _engine[0]  # it outlives what it has linked
        return Library(tracker)


def function(address: int, result: Any, *arguments: Any) -> Any:
    """Return the Python function of machine code at an address; the interpreter lock is released
    while it runs."""
    return ctypes.CFUNCTYPE(result, *arguments)(address)
