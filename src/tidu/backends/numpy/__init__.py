"""The reference backend: a straight line of NumPy calls with a static buffer plan."""

from tidu.backends.numpy.program import compile_graph, evaluate

__all__ = ["compile_graph", "evaluate"]
