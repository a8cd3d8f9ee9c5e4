"""A docstring begins with a verb in the imperative; that of a class says what an instance is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import sources

# A verb that is missing is added; a noun, an adjective or a third person (Returns) is not.
VERBS = set(
    """Add Allocate Answer Apply Assign Batch Begin Broadcast Build Calculate Call Cast Check
    Choose Combine Compare Compile Convert Convolve Copy Count Cut Decide Decorate Deliver
    Derive Describe Differentiate Discard Divide Do Draw End Enter Estimate Evaluate Give Hold
    Import Inline Insert Interpolate Join Keep Leave Let Link Load Lower Make Mark Merge Move
    Multiply Name Note Open Order Parse Pickle Plan Print Pull Push Put Raise Read Record Reduce
    Refuse Register Release Remember Remove Replace Report Reshape Return Rewrite Round Run Scan
    Separate Set Settle Shift Show Simplify Skip Solve Sort Split Start Store Subtract Sweep
    Take Tell Trace Turn Wait Warn Work Write Yield""".split()
)


CLAUSES = set("What How Where When Which Whether Why In Is As Holds Has".split())


def begins_with_a_verb(docstring: str) -> bool:
    return re.split(r"[\s.,:;]", docstring, maxsplit=1)[0] in VERBS


def _docstrings(kind: type[ast.FunctionDef | ast.ClassDef]) -> Iterator[tuple[str, str]]:
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, kind):
                docstring = ast.get_docstring(node)
                if docstring:
                    yield f"{source.at(node)} {node.name}", docstring


def test_the_docstring_of_a_function_begins_with_a_verb() -> None:
    found = list(_docstrings(ast.FunctionDef))
    assert len(found) > 2000
    wrong = [f"{place}: {text[:60]}" for place, text in found if not begins_with_a_verb(text)]
    assert not wrong, "\n".join(wrong)


def test_the_docstring_of_a_class_says_what_an_instance_is() -> None:
    found = list(_docstrings(ast.ClassDef))
    assert len(found) > 400
    wrong = [f"{place}: {text[:60]}" for place, text in found if text.split()[0] in CLAUSES]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "docstring",
    ["The names of the pieces.", "Raises InputError.", "Joined along an axis.", "a + alpha·b."],
)
def test_another_start_is_seen(docstring: str) -> None:
    assert not begins_with_a_verb(docstring)
