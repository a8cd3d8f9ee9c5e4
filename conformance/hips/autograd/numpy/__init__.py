"""NumPy as tidu's users write it: tidu.numpy where it has a name of its own, else NumPy's."""

import numpy as _np

import tidu.numpy as _tnp

from . import fft, linalg, random


def __getattr__(name):
    return getattr(_tnp, name) if name in _tnp.__all__ else getattr(_np, name)


__all__ = ["fft", "linalg", "random"]
