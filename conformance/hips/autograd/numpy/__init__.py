"""NumPy as tidu's users write it: tidu.numpy, which has all of NumPy's names."""

import tidu.numpy as _tnp

from . import fft, linalg, random


def __getattr__(name):
    return getattr(_tnp, name)


__all__ = ["fft", "linalg", "random"]
