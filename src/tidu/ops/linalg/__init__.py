"""Ops of linear algebra: products, inverses, factorisations, spectra, norms."""
