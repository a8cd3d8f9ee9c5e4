"""Formulas in the spellings of paper and of LaTeX, for the text door.

`tokens` scans; `grammar` parses, with `cursor`, `operators`, `brackets`, `scripts` and `commands`
below it; `reading` decides by shapes what each sign means, with `sizes`, `products`, `words`,
`calls` and `powers` below it; `program` adds the statements. A formula is lowered to the plain
NumPy spelling while it is read: what is echoed is what was read, and it goes through the same
whitelist as everything else. There is no second table of functions.
"""
