"""Axes, shapes, joins, diagonals and borders of arrays, and their largest and smallest elements."""
