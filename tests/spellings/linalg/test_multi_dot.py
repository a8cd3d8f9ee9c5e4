"""A product of many matrices is multiplied in the order that costs least."""

from __future__ import annotations

from tidu.ir.build import input_node
from tidu.ir.describe import describe
from tidu.spellings.linalg.multi_dot import multi_dot


def test_many_matrices_are_multiplied_in_the_cheapest_order() -> None:
    shapes = {"A": (10, 100), "B": (100, 5), "C": (5, 50)}
    nodes = [input_node(name, shape) for name, shape in shapes.items()]
    assert describe(multi_dot(*nodes)) == "((A @ B) @ C)"
    shapes = {"A": (50, 5), "B": (5, 100), "C": (100, 10)}
    nodes = [input_node(name, shape) for name, shape in shapes.items()]
    assert describe(multi_dot(*nodes)) == "(A @ (B @ C))"
