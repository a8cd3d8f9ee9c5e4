"""`torch.nn.functional`'s layers and losses, which `tidu.nn` writes as functions of nodes."""

from __future__ import annotations

from tidu.nn.functional import FUNCTIONS
from tidu.nn.functional import operands as operands_of
from tidu.spellings.record import spelled

for _name, _function in FUNCTIONS.items():
    spelled(f"torch.nn.functional.{_name}", operands=operands_of(_function))(_function)
