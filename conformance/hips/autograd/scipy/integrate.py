"""tidu.scipy.integrate."""

from tidu.scipy.integrate import *
