"""Ops on each element: arithmetic, functions of one variable, comparison, choice, complex parts."""
