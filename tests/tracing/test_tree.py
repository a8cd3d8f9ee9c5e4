"""Trees: every leaf found once, in order, and put back where it was."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidu.tracing.tree import leaves, replace, short_names

LEAF = st.floats(allow_nan=False)
TREES = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["W", "b", "W1", "a.b", "层"]), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_taken_apart_goes_together_again(tree: Any) -> None:
    found = leaves("p", tree)
    assert replace(tree, lambda path, leaf: leaf) == tree
    numbered = {leaf.path: i for i, leaf in enumerate(found)}
    assert len(numbered) == len(found)
    again = leaves("p", replace(tree, lambda path, _: numbered[path]))
    assert [leaf.value for leaf in again] == list(range(len(found)))


@given(TREES, TREES)
def test_names_are_distinct_identifiers(first: Any, second: Any) -> None:
    names = short_names(leaves("first", first) + leaves("W", second))
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_mappings_keep_their_kind() -> None:
    ordered = replace(OrderedDict(b=1, a=2), lambda path, leaf: leaf + 1)
    assert ordered == OrderedDict(b=2, a=3)
    assert isinstance(ordered, OrderedDict)
    counted = replace(defaultdict(list, a=1), lambda path, leaf: leaf)
    assert counted["missing"] == []


def test_spellings_read_as_python() -> None:
    found = leaves("net", {"layers": [{"W": 1.0}], "a-b": 2.0})
    assert [leaf.spelling for leaf in found] == ["net.layers[0].W", "net['a-b']"]
