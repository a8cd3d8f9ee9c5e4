"""What the names of libraries mean: NumPy's, SciPy's and PyTorch's functions over the ops."""
