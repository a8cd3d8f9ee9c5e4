"""NumPy functions to graphs: a Python function is run once on arrays that record what is done."""
