"""Ops on whole arrays: layout, indexing, reductions, order, statistics, windows, transforms."""
