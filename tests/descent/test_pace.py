"""How many threads a compiled descent runs on: what is measured, believed, tried again."""

from __future__ import annotations

import pytest

from tidu.descent import blocks


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(blocks, "time", clock)
    return clock


def run(pace: blocks.Pace, clock: Clock, step: dict[int, float], wake: float, size: int) -> int:
    """One block, of which a step takes so long on one or two threads; two must be woken."""
    threads, steps = pace.choose(size)
    spent = steps * step[threads] + (wake if threads > 1 else 0.0)
    clock.now += spent
    pace.took(threads, steps, spent)
    return threads


def test_a_slow_start_of_threads_decides_nothing(clock: Clock) -> None:
    pace = blocks.Pace(2)
    step = {2: 0.0016, 1: 0.0028}
    taken = [run(pace, clock, step, 0.003, size) for size in (1, 2, 4, 8, *[16] * 60)]
    assert taken[:3] == [2, 2, 2]  # too short to be believed
    assert taken.count(1) <= 8 and taken[-1] == 2  # trials, of a few steps each


def test_one_thread_where_it_is_faster(clock: Clock) -> None:
    """Another program has the second core; when it has gone, both are taken again."""
    pace = blocks.Pace(2)
    taken = [run(pace, clock, {2: 0.02, 1: 0.0028}, 0.0, 8) for _ in range(40)]
    assert taken[:2] == [2, 2] and set(taken[3:30]) == {1}
    later = [run(pace, clock, {2: 0.0016, 1: 0.0028}, 0.003, 16) for _ in range(1500)]
    assert later[-1] == 2


def test_a_trial_of_one_thread_is_short(clock: Clock) -> None:
    pace = blocks.Pace(4)
    for _ in range(2):
        pace.took(4, 16, 16 * 0.0016)
    assert pace.choose(16) == (1, 2)
    pace.took(1, 2, 2 * 0.006)
    assert pace.choose(16) == (4, 16)


def test_a_loop_for_one_thread_is_not_measured(clock: Clock) -> None:
    pace = blocks.Pace(1)
    assert pace.choose(100) == (1, 100)
    pace.took(1, 100, 1.0)
    assert pace.choose(100) == (1, 100)
