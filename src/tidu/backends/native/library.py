"""Machine code in memory: LLVM's text to object code, object code to addresses."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from tidu.backends.native.target import Target, host

_lock = threading.Lock()  # LLVM's own objects are not safe to share
_count = itertools.count()
_engine: list[Any] = []


@dataclass(frozen=True, eq=False)
class Library:
    """Loaded code. `tracker` unloads it when nothing refers to it any more."""

    tracker: Any

    def address(self, name: str) -> int:
        return self.tracker[name]


def object_code(text: str, *, straight: bool = False) -> bytes:
    """The object code of a module, for the processor at hand. `straight` code has no loops of its
    own: LLVM puts what lies side by side into vectors."""
    target = host()
    with _lock:
        module = llvm.parse_assembly(text)
        module.verify()
        (_vectorise if straight else _tidy)(module, target)
        return target.machine.emit_object(module)


def _tidy(module: Any, target: Target) -> None:
    """The loops are as they are to be: LLVM is asked to tidy, not to vectorise or unroll again."""
    builder = llvm.create_pass_builder(target.machine, llvm.create_pipeline_tuning_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()
    passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)


def _vectorise(module: Any, target: Target) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.slp_vectorization = True
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(target.machine, options)
    builder.getModulePassManager().run(module, builder)


def load(code: bytes, names: Sequence[str], given: Mapping[str, int]) -> Library:
    """Object code made ready to run. The functions of these names can be called; `given` are the
    addresses of functions that it calls."""
    with _lock:
        if not _engine:
            host()
            _engine.append(llvm.create_lljit_compiler())
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in names:
            builder.export_symbol(name)
        for name, address in given.items():
            builder.import_symbol(name, address)
        return Library(builder.link(_engine[0], f"tidu{next(_count)}"))


def function(address: int, result: Any, *arguments: Any) -> Any:
    """A function at an address; the interpreter is let go while it runs."""
    return ctypes.CFUNCTYPE(result, *arguments)(address)
