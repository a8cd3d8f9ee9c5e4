"""autograd's adapter from functions of one argument to functions of several."""

from . import _nary as unary_to_nary

__all__ = ["unary_to_nary"]
