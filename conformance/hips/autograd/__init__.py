"""autograd's public names, made of tidu's verbs, so that its tests run as they stand."""

from __future__ import annotations

import builtins
import functools
from builtins import dict, isinstance, list, tuple

import numpy as _np

import tidu as _tidu
import tidu.numpy as _tnp

__all__ = ["dict", "isinstance", "list", "tuple"]


def _numbers(argnum):
    return argnum if builtins.isinstance(argnum, int) else builtins.tuple(argnum)


def grad(fun, argnum=0, *nary_op_args, **nary_op_kwargs):
    return _tidu.grad(fun, _numbers(argnum))


def value_and_grad(fun, argnum=0):
    return _tidu.value_and_grad(fun, _numbers(argnum))


def grad_and_aux(fun, argnum=0):
    return _tidu.grad(fun, _numbers(argnum), has_aux=True)


def jacobian(fun, argnum=0):
    return _tidu.jacobian(fun, _numbers(argnum))


def hessian(fun, argnum=0):
    return _tidu.hessian(fun, _numbers(argnum))


def _unary(fun, argnum, args, kwargs):
    """The function of the chosen argument alone, and that argument."""
    if builtins.isinstance(argnum, int):

        def one(x):
            return fun(*args[:argnum], x, *args[argnum + 1 :], **kwargs)

        return _named(one, fun), args[argnum]

    def several(xs):
        full = builtins.list(args)
        for position, x in zip(argnum, xs, strict=True):
            full[position] = x
        return fun(*full, **kwargs)

    return _named(several, fun), builtins.tuple(args[i] for i in argnum)


def _named(function, like):
    """The name alone: functools.wraps would hand on the signature as well, which differs."""
    function.__name__ = getattr(like, "__name__", "fun")
    return function


def _nary(unary):
    """A transform of a function of one argument, for functions of several."""

    @functools.wraps(unary)
    def of_several(fun, argnum=0, *more, **named):
        def call(*args, **kwargs):
            return unary(*_unary(fun, argnum, args, kwargs), *more, **named)

        return call

    return of_several


@_nary
def make_vjp(fun, x):
    value, pull = _tidu.vjp(fun, x)
    return lambda g: pull(g)[0], value


@_nary
def make_jvp(fun, x):
    return lambda v: _tidu.jvp(fun, (x,), (v,))


@_nary
def elementwise_grad(fun, x):
    value, pull = _tidu.vjp(fun, x)
    return pull(_np.ones(_np.shape(value)))[0]


@_nary
def holomorphic_grad(fun, x):
    value, pull = _tidu.vjp(fun, x)
    return pull(_np.ones(_np.shape(value), dtype=complex)[()])[0]


@_nary
def deriv(fun, x):
    return _tidu.jvp(fun, (x,), (_np.ones(_np.shape(x))[()],))[1]


@_nary
def make_hvp(fun, x):
    def product(v):
        return _tidu.jvp(_tidu.grad(fun), (x,), (v,))[1]

    return product, x


def hessian_tensor_product(fun, argnum=0):
    def product(*args, **kwargs):
        *rest, vector = args
        one, x = _unary(fun, argnum, builtins.tuple(rest), kwargs)
        return _tidu.jvp(_tidu.grad(one), (x,), (vector,))[1]

    return product


hessian_vector_product = hessian_tensor_product


def tensor_jacobian_product(fun, argnum=0):
    def product(*args, **kwargs):
        *rest, vector = args
        one, x = _unary(fun, argnum, builtins.tuple(rest), kwargs)
        jacobian_of = _tidu.jacobian(one)(x)
        return _tnp_tensordot(vector, jacobian_of)

    return product


def _tnp_tensordot(vector, matrix):
    return _np.tensordot(vector, matrix, axes=_np.ndim(vector))


def _half_square(y):
    return 0.5 * _np.dot(y, y)


def make_ggnvp(fun, g=_half_square, f_argnum=0):
    """The product with the Gauss-Newton matrix Jᵀ H J."""

    def at(*args, **kwargs):
        one, x = _unary(fun, f_argnum, args, kwargs)

        def product(v):
            y, along = _tidu.jvp(one, (x,), (v,))
            curved = _tidu.jvp(_tidu.grad(g), (y,), (along,))[1]
            return _tidu.vjp(one, x)[1](curved)[0]

        return product

    return at


def multigrad_dict(fun):
    return lambda *args, **kwargs: _tidu.grad(fun)(*args, **kwargs)


def grad_named(fun, argname):
    import inspect

    return grad(fun, builtins.list(inspect.signature(fun).parameters).index(argname))


def checkpoint(fun):
    return fun


array = _tnp.array
