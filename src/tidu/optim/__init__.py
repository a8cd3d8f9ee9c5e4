"""Update rules as graphs over the same ops as the model: they print, run and compile alike."""

from tidu.optim.rule import Hyper, Optimizer, Slot, Update
from tidu.optim.sgd import SGD, Momentum, Nesterov
from tidu.optim.step import State, StepGraph, step_graph

__all__ = [
    "SGD",
    "Hyper",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "Slot",
    "State",
    "StepGraph",
    "Update",
    "step_graph",
]
