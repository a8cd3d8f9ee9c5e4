"""Compositions of ops by PyTorch's names: layers, losses, initialisers. Pure functions of nodes."""

from tidu.nn.functional import FUNCTIONS
from tidu.nn.initial import INITIALISERS, initial
from tidu.nn.layers import (
    ELU,
    GELU,
    LAYERS,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ParameterSpec,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    layer,
)
from tidu.nn.losses import LOSSES, Loss, loss
from tidu.nn.sequential import LayerProblem, Model, parameter_specs, sequential

__all__ = [
    "ELU",
    "FUNCTIONS",
    "GELU",
    "INITIALISERS",
    "LAYERS",
    "LOSSES",
    "Flatten",
    "Identity",
    "Layer",
    "LayerProblem",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Loss",
    "Model",
    "ParameterSpec",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "initial",
    "layer",
    "loss",
    "parameter_specs",
    "sequential",
]
