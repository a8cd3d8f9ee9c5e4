"""What the names of libraries mean: NumPy's, SciPy's and PyTorch's functions over the ops.

Importing this package registers every spelling.
"""

from tidu.spellings import (
    extremes,
    methods,
    networks,
    numpy_lists,
    numpy_logic,
    numpy_polynomials,
    numpy_questions,
    numpy_values,
    refused,
    torch_linalg,
    torch_order,
    torch_spellings,
)

__all__ = [
    "extremes",
    "methods",
    "networks",
    "numpy_lists",
    "numpy_logic",
    "numpy_polynomials",
    "numpy_questions",
    "numpy_values",
    "refused",
    "torch_linalg",
    "torch_order",
    "torch_spellings",
]
