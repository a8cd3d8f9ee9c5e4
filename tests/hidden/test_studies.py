"""No text that stands anywhere in a study reaches an output raw, whatever the output.

The places come from the tables of the format (`fields`), the outputs are all that there are: each
report in each language, the lines and drawings of its descents, its source files, its errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from tests.hidden.fields import Document, fields
from tests.hidden.signs import PAYLOADS, forged, raw, toml
from tidu.api.report import Report
from tidu.api.solve import Solution, solve
from tidu.backends.source.targets import TARGETS
from tidu.errors import InputError, TiduError
from tidu.words import LANGUAGES, Language

ESCAPES = (r"\x1b", r"\x7f", r"\ufe0f", r"\U000e0041")  # one of each payload


def studies(everywhere: bool) -> Iterator[tuple[tuple[str, ...], Document]]:
    """A text at each place, alone, in a list and in a table, and as a key beside it.

    A place that takes texts gets each of the payloads; they take turns elsewhere. A table of the
    format that is used in several places is tried in one of them, or `everywhere`.
    """
    turns = cycle(PAYLOADS)
    tried: set[int] = set()
    for field in fields():
        in_part = field.path[0] == "part" and len(field.path) == 2
        if id(field.key) in tried and not (in_part or everywhere):
            continue
        tried.add(id(field.key))
        for payload in PAYLOADS if everywhere or field.takes("…") else (next(turns),):
            for value in (payload, [payload], {payload: 1}):
                yield field.path, field.study(value)
            yield (*field.path[:-1], payload), field.study(payload, name=payload)
            both = {"zh": payload, "en": payload}
            if field.takes(both):
                yield field.path, field.study(both)


def written(
    solution: Solution, language: Language, targets: Sequence[str] = tuple(TARGETS)
) -> Iterator[str]:
    """All that can be had of a solution as text."""
    report = Report(solution.report.document, language)
    yield from (report.text(60), report.markdown(), report.latex(), report.json())
    yield str(report)
    for part in solution.parts:
        yield from (str(part.derivation), *part.derivation.readings)
        yield from (run.text(language) + run.drawing(language) for run in part.runs.values())
        for target in targets:
            try:
                yield part.derivation.to(target, language)
            except InputError as error:
                yield error.text(language)


def outputs(document: Document, folder: Path, turn: int | None = None) -> list[str]:
    """What a study gives to read: its reports, or its error; by turns in one language and to one
    target alone."""
    file = folder / "study.toml"
    file.write_text(toml(document), encoding="utf-8")
    try:
        solution = solve(file)
    except TiduError as error:
        return [error.text("en"), error.text("zh"), str(error), repr(error)]
    if turn is None:
        return [text for language in LANGUAGES for text in written(solution, language)]
    return list(written(solution, LANGUAGES[turn % 2], [list(TARGETS)[turn % 4]]))


def with_data(folder: Path) -> Path:
    """Files of data for a study, whose columns and arrays have the payloads for names."""
    header = ",".join('"' + payload.replace('"', '""') + '"' for payload in PAYLOADS)
    (folder / "d.csv").write_text(f"a,{header}\n1,2,3,4,5,6\n", encoding="utf-8")
    np.savez(folder / "d.npz", **{name.replace("/", ""): np.ones(2) for name in ("a", *PAYLOADS)})
    return folder


@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_field_of_a_study_reaches_an_output_raw(
    everywhere: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = solved = total = 0
    with_data(tmp_path)
    for path, document in studies(everywhere):
        texts = outputs(document, tmp_path, None if everywhere else solved)
        solved += len(texts) > 4
        printed = capsys.readouterr()
        texts += [printed.out, printed.err]
        for text in texts:
            assert (path, raw(text), forged(text)) == (path, [], [])
        total += 1
        seen += any(escape in text for text in texts for escape in ESCAPES)
    assert total > 700
    assert solved > 50
    assert seen > 0.9 * total  # it was shown, and not left out
