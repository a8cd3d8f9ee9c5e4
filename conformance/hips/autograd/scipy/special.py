"""tidu.scipy.special."""

from tidu.scipy.special import *
