"""Text programs to graphs: NumPy-style ones here, paper and LaTeX in `formula`. None is run."""
