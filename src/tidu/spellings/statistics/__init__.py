"""Averages, spreads and quantiles, also of arrays with missing values."""
