"""tidu.scipy.stats."""

from tidu.scipy.stats import *
