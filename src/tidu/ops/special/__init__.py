"""Special functions: gamma, error function, Bessel and incomplete functions, SciPy for the rest."""
