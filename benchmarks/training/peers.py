"""Who takes part, by key."""

from __future__ import annotations

import importlib

from benchmarks.training.peer import Peer
from benchmarks.training.workload import Workload


def _of_three(work: Workload) -> bool:
    return work.layers == 3


def _seed(work: Workload) -> bool:
    return work.name == "seed"


NATIVE = ("tidu.descent.program_traced", "tidu.descent.loop", "tidu.backends.native.program")
OURS = (
    Peer("loop", "tidu, machine code", "ours:Loop", NATIVE),
    Peer("descend", "tidu.descend", "ours:Descending", NATIVE),
)
PEERS = (
    Peer("numpy", "NumPy by hand", "by_hand:InNumpy"),
    Peer("torch", "PyTorch", "frameworks:Torch", ("torch",)),
    Peer("torch-compiled", "PyTorch, compiled", "frameworks:TorchCompiled", ("torch",), ("c++",)),
    Peer("jax", "JAX, a step a call", "frameworks:Jax", ("jax",)),
    Peer("jax-loop", "JAX, fori_loop", "frameworks:JaxLoop", ("jax",)),
    Peer("autograd", "HIPS/autograd", "frameworks:Autograd", ("autograd", "scipy")),
    Peer("micrograd", "micrograd", "frameworks:Micrograd", ("micrograd",), fits=_seed),
    Peer("numba", "numba", "by_hand:InNumba", ("numba", "scipy"), fits=_of_three),
    Peer("c", "C, plain loops", "by_hand:InC", (), ("cc",), fits=_of_three),
    Peer("c-tuned", "C, by hand", "by_hand:InTunedC", (), ("cc",), fits=_seed),
)
PEAKS = (
    Peer("peak", "peak of all cores", "peak:Peak", ("llvmlite",), trains=False),
    Peer("peak-one", "peak of one core", "peak:PeakOfOne", ("llvmlite",), trains=False),
)
COSTS = (
    Peer("gradient", "loss and gradient", "ours:LossAndGradient", NATIVE, trains=False),
    Peer("loss", "loss alone", "ours:LossAlone", NATIVE, trains=False),
)
BY_KEY = {peer.key: peer for peer in (*OURS, *PEERS, *PEAKS, *COSTS)}


def find(key: str) -> Peer:
    """By its key, or by `module:name` for one that stands elsewhere."""
    if ":" not in key:
        return BY_KEY[key]
    module, name = key.split(":")
    return getattr(importlib.import_module(module), name)
