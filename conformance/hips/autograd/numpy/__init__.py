"""NumPy as tidu's users write it: tidu.numpy, which has all of NumPy's names."""

import numpy as _np

import tidu.numpy as _tnp

from . import fft, linalg, random


def __getattr__(name):
    return getattr(_tnp, name)


def make_diagonal(D, offset=0, axis1=-1, axis2=-2):
    """autograd's own name for vectors that become diagonal matrices; NumPy has none."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal of other axes, as in autograd")
    return D[..., None] * _np.eye(_np.shape(D)[-1])


__all__ = ["fft", "linalg", "random"]
