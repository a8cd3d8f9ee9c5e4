"""tidu (梯度): gradients that are derived, shown, checked and run.

Public names are loaded when they are first used, so that importing tidu costs little more than
importing NumPy.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidu import nn, numpy, optim, testing
    from tidu.api.compiled import compile
    from tidu.api.custom import custom
    from tidu.api.derivation import Derivation
    from tidu.api.derive import derive
    from tidu.api.descend import Run, descend
    from tidu.api.gradient import grad, value_and_grad
    from tidu.api.jacobians import hessian, jacobian
    from tidu.api.modes import hvp, jvp, vjp
    from tidu.api.report import Report
    from tidu.api.solve import solve
    from tidu.api.vmap import vmap
    from tidu.errors import TiduError, TiduWarning
    from tidu.numpy import named
    from tidu.testing import check_grad

__version__ = "0.1.0"  # the one place where it stands: the package's metadata reads it here
loaded_at = time.time()  # a source file that is newer may not be what is running

_HOME = {
    "Derivation": "tidu.api.derivation",
    "Report": "tidu.api.report",
    "Run": "tidu.api.descend",
    "TiduError": "tidu.errors",
    "TiduWarning": "tidu.errors",
    "check_grad": "tidu.testing",
    "compile": "tidu.api.compiled",
    "custom": "tidu.api.custom",
    "derive": "tidu.api.derive",
    "descend": "tidu.api.descend",
    "grad": "tidu.api.gradient",
    "hessian": "tidu.api.jacobians",
    "hvp": "tidu.api.modes",
    "jacobian": "tidu.api.jacobians",
    "jvp": "tidu.api.modes",
    "named": "tidu.numpy",
    "solve": "tidu.api.solve",
    "value_and_grad": "tidu.api.gradient",
    "vjp": "tidu.api.modes",
    "vmap": "tidu.api.vmap",
}
_MODULES = ("nn", "numpy", "optim", "testing")

__all__ = [
    "Derivation",
    "Report",
    "Run",
    "TiduError",
    "TiduWarning",
    "check_grad",
    "compile",
    "custom",
    "derive",
    "descend",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "named",
    "nn",
    "numpy",
    "optim",
    "solve",
    "testing",
    "value_and_grad",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tidu.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tidu' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
