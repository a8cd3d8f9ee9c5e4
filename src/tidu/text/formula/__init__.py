"""Formulas as on paper and in LaTeX, inside texts.

`lines` says which lines of a program are formulas. `scanner` finds the signs of one, `grammar`
parses them by its table of operators, with `operands`, `brackets`, `scripts` and `commands` below
it, and `syntax` is what comes of it. `reading` has the table of what reads each kind of syntax:
`words`, `applied`, `products`, `powers`, `sums` and `forms`, which decide by shapes what each sign
means. They make `parts`: values, calculated by the operations that Python's lines use too, with
their plain NumPy spelling, which is echoed. There is no second table of functions.
"""
