"""HIPS/autograd's own test suite: a package `autograd` that is tidu, and a referee that is not."""
