"""Products, norms, systems and decompositions of matrices by their libraries' names."""
