"""tidu.scipy.stats.multivariate_normal, as a module."""

from tidu.scipy.stats import multivariate_normal as _law


def __getattr__(name):
    return getattr(_law, name)
