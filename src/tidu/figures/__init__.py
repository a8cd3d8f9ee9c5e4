"""Figures drawn from figure data; nothing here knows what a program is."""

from tidu.figures.curve import curve_text
from tidu.figures.graph import graph_text

__all__ = ["curve_text", "graph_text"]
