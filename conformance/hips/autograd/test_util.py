"""autograd's checking functions, with the referee in the place of autograd's own checks."""

from __future__ import annotations

import numpy as np

import tidu
from conformance.hips.referee import Referee, close, combinations, equivalent

from . import _unary

_referee = Referee(tidu.jvp, tidu.vjp)
_rng = np.random.default_rng(7)
TOL = RTOL = 1e-6


def scalar_close(a, b):
    return close(a, b)


def check_equivalent(x, y):
    equivalent(x, y, _rng)


def check_grads(fun, argnum=0, modes=("fwd", "rev"), order=2):
    def check(*args, **kwargs):
        one, x = _unary(fun, argnum, args, kwargs)
        _referee.check(one, x, modes, order, _rng)

    return check


def combo_check(fun, argnum=0, *more, **options):
    def check(*args, **kwargs):
        for chosen, named in combinations(args, kwargs):
            check_grads(fun, argnum, *more, **options)(*chosen, **named)

    return check
