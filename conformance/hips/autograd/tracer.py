"""Whether a value belongs to a running trace."""

from tidu.tracing.traced import TracedArray


def isbox(value):
    return isinstance(value, TracedArray)
