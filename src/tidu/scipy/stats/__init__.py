"""Distributions of scipy.stats with derivatives: densities, distribution functions and their
logarithms. What is not here (rvs, ppf, other distributions) is SciPy's own."""

from tidu.scipy.calls import forwarded
from tidu.scipy.stats import beta, chi2, dirichlet, gamma, multivariate_normal, norm, poisson, t

__all__ = ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]
__getattr__ = forwarded("scipy.stats")
