"""PyTorch's calls that differ from NumPy's, and what PyTorch refuses and NumPy accepts."""
