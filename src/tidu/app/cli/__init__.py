"""The command `tidu`: solve a study, derive an expression, look up an operation."""

from tidu.app.cli.main import main

__all__ = ["main"]
