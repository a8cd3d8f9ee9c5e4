"""Update rules as graphs over the same ops as the model: they print, run and compile alike."""

from tidu.optim.adam import Adam, AdamW
from tidu.optim.adaptive import Adagrad, RMSProp
from tidu.optim.clip import CLIPS, ClipNorm, ClipValue
from tidu.optim.lion import Lion
from tidu.optim.rule import (
    RULES,
    STEP,
    Clip,
    Line,
    Optimizer,
    Rule,
    Schedule,
    Slot,
    Update,
    rule,
)
from tidu.optim.schedule import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    StepDecay,
    WarmUp,
    schedule,
)
from tidu.optim.setting import Hyper
from tidu.optim.sgd import SGD, Momentum, Nesterov
from tidu.optim.step import State, StepGraph, StepLine, step_graph

__all__ = [
    "CLIPS",
    "RULES",
    "SCHEDULES",
    "SGD",
    "STEP",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clip",
    "ClipNorm",
    "ClipValue",
    "Constant",
    "Cosine",
    "Exponential",
    "Hyper",
    "Line",
    "Lion",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "Rule",
    "Schedule",
    "Slot",
    "State",
    "StepDecay",
    "StepGraph",
    "StepLine",
    "Update",
    "WarmUp",
    "rule",
    "schedule",
    "step_graph",
]
