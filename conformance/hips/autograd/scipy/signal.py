"""tidu.scipy.signal."""

from tidu.scipy.signal import *
