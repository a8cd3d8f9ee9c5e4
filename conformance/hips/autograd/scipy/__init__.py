"""SciPy as tidu offers it."""
