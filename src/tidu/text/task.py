"""Generators that wait for each other, run from a list: no nesting exhausts Python's stack."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Task: TypeAlias = Generator[Any, Any, T]  # it yields tasks and is sent their results


def wait(task: Task[T]) -> Task[T]:
    """Return the result of another task: `x = yield from wait(task)`."""
    result: T = yield task
    return result


def run(task: Task[T], begun: Callable[[], None] | None = None) -> T:
    """Return the result of a task, running all that it waits for, each after a call of `begun`.

    >>> def count(n: int) -> Task[int]:
    ...     return 0 if n == 0 else 1 + (yield from wait(count(n - 1)))
    >>> run(count(100_000))
    100000
    """
    stack: list[Task[Any]] = [task]
    result: Any = None
    while stack:
        try:
            wanted = stack[-1].send(result)
        except StopIteration as done:
            stack.pop()
            result = done.value
        else:
            if begun is not None:
                begun()
            stack.append(wanted)
            result = None
    return result
