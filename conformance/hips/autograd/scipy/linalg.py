"""tidu.scipy.linalg."""

from tidu.scipy.linalg import *
