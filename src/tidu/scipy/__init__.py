"""SciPy's functions that take no traced values, with derivatives.

`from scipy.special import gammaln` is traced as it stands, as every ufunc of scipy.special that
tidu derives. What SciPy calculates in Python (logsumexp, polygamma, the methods of scipy.stats,
convolve, odeint) makes plain arrays of its arguments first; the functions here are called like
SciPy's, take plain and traced values, and keep the derivative. SciPy itself is optional:
`pip install tidu[scipy]`.
"""

from tidu.scipy import integrate, linalg, signal, special, stats

__all__ = ["integrate", "linalg", "signal", "special", "stats"]
