"""Run one command line: what it prints on failure, and the code it exits with."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sys
import traceback
import warnings
from collections.abc import Generator, Sequence
from typing import TextIO

from tidu.app.cli.output import closed, emit, readable, unwritable
from tidu.errors import TiduError, TiduWarning
from tidu.interface import used_from
from tidu.words import LANGUAGES, Language, Lines, Words, current_language, verbatim

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DONE, NO, BAD_INPUT, BUG, INTERRUPTED = 0, 1, 2, 70, 130

_ERROR = Words(en="error: {text}", zh="错误：{text}")
_NOTE = Words(en="note: {text}", zh="提示：{text}")
_BUG = Words(
    en="this is a bug in tidu, not in your input ({error}). Please report it with the input and "
    "the lines above.",
    zh="这是 tidu 自身的错误，与你的输入无关（{error}）。请把输入和上面的内容一并报告给我们。",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 the answer is no, 2 bad input.

    A bug of tidu's gives 70, Ctrl-C 130.

    >>> main(["ops", "tanh", "--facet", "numpy", "--lang", "en"])
    tanh
    ════
    <BLANKLINE>
    facet       value
    ──────────  ───────
    NumPy name  np.tanh
    0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    language = language_of(given)
    _open_streams()
    with used_from("command"), _shown_call(language), _warnings_on_stderr(language):
        try:
            return _run(given, language)
        except TiduError as error:
            shown = readable(language, sys.stderr)
            emit(_ERROR(text=verbatim(Lines(error.text(shown)))).text(shown), sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # the reader has seen enough, as `| head` does
            closed(sys.stdout)
            return DONE
        except Exception as error:
            if _is_interrupt(error):
                return INTERRUPTED
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                return _no_room(error, language)
            emit(traceback.format_exc().rstrip(), sys.stderr)
            emit(_BUG(error=type(error).__name__).text(readable(language, sys.stderr)), sys.stderr)
            return BUG


def _is_interrupt(error: BaseException | None) -> bool:
    """Return whether an error is a Ctrl-C that came in the middle of something else, such as an
    import, and made that fail."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _no_room(error: OSError, language: Language) -> int:
    """Return the error for a full disk behind stdout that typer met while it printed its help."""
    closed(sys.stdout)
    shown = readable(language, sys.stderr)
    emit(_ERROR(text=verbatim(Lines(unwritable(error).text(shown)))).text(shown), sys.stderr)
    return BAD_INPUT


def _open_streams() -> None:
    """Replace standard streams that were closed before Python started, and are None, by ones that
    discard what is written."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def _run(arguments: list[str], language: Language) -> int:
    from tidu.app.cli.commands import run  # typer is only loaded for a command that runs

    code = run(arguments, language)
    sys.stdout.flush()
    return code


def language_of(arguments: Sequence[str]) -> Language:
    """Return the language of `--lang` if it is one, else the environment's; a wrong one is reported
    later."""
    for this, following in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        wanted = following if this == "--lang" else this.removeprefix("--lang=")
        for language in LANGUAGES:
            if this.startswith("--lang") and wanted == language:
                return language
    return current_language()


@contextlib.contextmanager
def _shown_call(language: Language) -> Generator[None]:
    """Make this language the current one while the command runs."""
    before = os.environ.get("TIDU_LANG")
    os.environ["TIDU_LANG"] = language
    try:
        yield
    finally:
        if before is None:
            del os.environ["TIDU_LANG"]
        else:
            os.environ["TIDU_LANG"] = before


@contextlib.contextmanager
def _warnings_on_stderr(language: Language) -> Generator[None]:
    """Print tidu's warnings as one plain line, those of other packages as Python shows them."""
    with warnings.catch_warnings():

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, TiduWarning):
                note = _NOTE(text=verbatim(Lines(str(message))))
                emit(note.text(readable(language, sys.stderr)), sys.stderr)
            else:
                emit(warnings.formatwarning(message, category, filename, lineno, line), sys.stderr)

        warnings.simplefilter("always", TiduWarning)
        warnings.showwarning = show
        yield
