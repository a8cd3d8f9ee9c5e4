"""Fourier transforms, polynomials, differences, integrals and running sums."""
