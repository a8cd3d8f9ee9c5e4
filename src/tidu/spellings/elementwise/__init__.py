"""Functions of each element by itself, and NumPy's questions about elements."""
