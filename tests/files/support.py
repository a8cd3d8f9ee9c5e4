"""What tests of files share: when they can run, and how a refusal is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tidu.errors import InputError
from tidu.files import check_place, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="rights as POSIX has them")


root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files to others"
)


def refused(target: Path, en: str, zh: str, *, checked: bool = True) -> None:
    calls: list[Callable[[], object]] = [lambda: write_whole(target, "new")]
    if checked:
        calls.append(lambda: check_place(target))  # known before anything is calculated
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert en in caught.value.text("en") and zh in caught.value.text("zh")
