"""Mutated studies, archives and tables: whatever is in a file, tidu answers or refuses in words."""

from __future__ import annotations

import datetime
import io
import math
import random
import re
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

STUDIES = Path(__file__).parents[2] / "studies"

# What is put in place of a value, whatever stood there.
VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 7, 1000, 10**6, 10**9, 10**18, 10**400, -(10**30), 0.5, -0.25, 1e-300, 1e308),
    *(math.inf, -math.inf, math.nan, True, False, datetime.date(2026, 11, 30), ""),
    *([], [[]], [[[1]]], [1, 2], [[1, 2], [3, 4]], [[1], [2, 3]], ["a"], [1, "a"], [[1.5]] * 4),
    *({}, {"a": 1}, {"init": "ones", "shape": [2, 2]}, {"init": "zeros", "shape": [10**5, 10**5]}),
    *({"init": "normal", "shape": [3], "seed": 1}, [{}, 1]),
    {"csv": "iris.csv", "columns": ["petal_length"]},
    *({"npz": "data.npz", "key": "x"}, {"zh": "甲", "en": "a"}, {"type": "Linear"}, [{}]),
    *("x", "L", "sum(x)", "W1 @ x", "x = ", "for i in range(9):\n    x = x", "∂L/∂x", "new W1"),
    *("step 3 loss", "x[1]", "x[9,9]", "x[1,1]", "final loss", "relu", "SGD", "Adam", "mean", "\0"),
    *("ones(3, 3)", "zeros(10**9)", "[[1, 2], [3, 4]]", "\u202e", "é" * 300, "∑ᵢ xᵢ", "\\frac12 x"),
)
# What is put into a text, at a place where any character may stand.
PIECES: tuple[bytes, ...] = tuple(
    piece.encode()
    for piece in (
        *"[]{}\"=.,#'\n\t\\-+*@()_:;~^!?/%&|<> ",
        *("[[", "]]", '"""', "'''", "[[part]]\n", "[given]\n", "like = '1'\n", "1e400", "nan"),
        *("9" * 30, "9" * 500, "0x" + "f" * 500, "a." * 30, "[" * 80, "\0", "\ufeff", "é", "∂"),
        *("inf", "ᵀ"),
        *("1979-05-27", "true", "{}", "[]", "\\u0000", "\\U0010ffff", "\r\n", "W", "x", "0", "1_0"),
        *("steps = 9\n", "lr = 1\n", "wrt = 'x'\n", "shape = [9, 9]\n", "__", "**", "@@"),
    )
)


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four changes: turned, left out, put in, doubled, moved, cut off."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(made) + 1)
        length = rng.choice((1, 1, 2, 8, 40))
        match rng.randrange(7):
            case 0 if at < len(made):
                made[at] ^= 1 << rng.randrange(8)
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length]
            case 3:
                to = rng.randrange(len(made) + 1)
                made[to:to] = made[at : at + length]
            case 4 if rng.random() < 0.2:
                del made[at:]
            case 5 if at < len(made):
                made[at] = rng.randrange(256)
            case _:
                made[at:at] = rng.choice(PIECES)
    return bytes(made)


# ------------------------------------------------------------------ studies as structures
def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(
            c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
        )
        return f'"{escaped}"'
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else str(value).replace("infinity", "inf")
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in table.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, cast("list[Any]", value))) + "]"
    return str(value)


def as_toml(study: dict[str, Any]) -> str:
    return "".join(f"{written(key)} = {written(value)}\n" for key, value in study.items())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all values inside a structure."""
    if isinstance(value, dict):
        pairs: Any = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        pairs = enumerate(cast("list[Any]", value))
    else:
        return
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def _at(study: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        study = study[key]
    return study


def copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [copied(inner) for inner in cast("list[Any]", value)]
    return value


def mutated_study(study: dict[str, Any], others: list[Any], rng: random.Random) -> dict[str, Any]:
    """The study with one to three of its values replaced, left out, doubled, moved or renamed.

    `others` are values and keys of other studies."""
    made = copied(study)
    for _ in range(rng.choice((1, 1, 2, 3))):
        paths = list(places(made))
        if not paths:
            break
        path = rng.choice(paths)
        holder, key, value = _at(made, path[:-1]), path[-1], _at(made, path)
        match rng.randrange(7):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copied(rng.choice(others))
            case 2 if isinstance(value, str):
                text = mutated_bytes(value.encode(), rng).decode("utf-8", "replace")
                holder[key] = text
            case 2 | 3 if isinstance(value, int | float) and not isinstance(value, bool):
                holder[key] = rng.choice((value * 10, -value, value + 1, value / 3, value * 0))
            case 4 if isinstance(holder, dict):
                name = rng.choice([str(p[-1]) for p in paths] + [o for o in others if _short(o)])
                holder[name] = holder.pop(key)
            case 5:
                other = rng.choice(paths)
                holder[key] = copied(_at(made, other)) if other[: len(path)] != path else value
            case 6 if isinstance(holder, list):
                holder.insert(key, copied(value))
            case _:
                holder[key] = copied(rng.choice(VALUES))
    return made


def _short(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 20


def every_key() -> list[dict[str, Any]]:
    """Studies that together have every key of the format: each key of each table with the example
    that its own record gives, in a study that is else in order."""
    from tidu.study.part import STUDY
    from tidu.study.table import TableFormat

    given = {"w": [1, 2], "x": 3}
    base = {"title": "t", "program": "L = sum((w*x)**2)", "given": given, "wrt": "w"}

    def example(kind: Any) -> Any:
        text = kind.example.replace("…", "x")
        try:
            return tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            return text

    def tables(table: TableFormat, depth: int) -> Iterator[dict[str, Any]]:
        """A table with its required keys and each of the others in turn."""
        if depth == 0:
            return
        for chosen in (table.variants or table.selected or {}).items():
            head = {table.selector: chosen[0]} if table.selector else {}
            for inner in tables(chosen[1], depth - 1):
                yield {**inner, **head}
        needed = {key.name: example(key.kind) for key in table.keys if key.required and key.kind}
        if table.own is not None and table.own.kind is not None:
            yield {**needed, "w": example(table.own.kind)}
        for key in table.keys:
            if key.kind is not None:
                yield {**needed, key.name: example(key.kind)}
            if key.table is not None:
                for inner in tables(key.table, depth - 1):
                    yield {**needed, key.name: [inner] if key.many else inner}

    return [{**base, **made} for made in tables(STUDY, 4)]


def mutated_texts(count: int, seed: int) -> Iterator[bytes]:
    """So many mutated studies: half of them by bytes, half by structure."""
    rng = random.Random(seed)
    names = sorted(STUDIES.glob("*.toml"))
    keyed = every_key()
    whole = [tomllib.loads(file.read_text("utf-8")) for file in names] + keyed
    files = [file.read_bytes() for file in names] + [as_toml(study).encode() for study in keyed]
    others = [_at(study, path) for study in whole for path in places(study)]
    others += [path[-1] for study in whole for path in places(study) if isinstance(path[-1], str)]
    for number in range(count):
        if number % 2:
            made = mutated_study(_either(whole, len(names), rng), others, rng)
            yield as_toml(made).encode("utf-8", "replace")
        else:
            yield mutated_bytes(_either(files, len(names), rng), rng)


def _either(found: Sequence[Any], first: int, rng: random.Random) -> Any:
    """One of the first, or one of the others, which are many more and shorter."""
    return rng.choice(found[:first] if rng.random() < 0.6 else found[first:])


# ------------------------------------------------------------------ archives and tables
def archives() -> list[bytes]:
    """Sound archives of several kinds of arrays and compressions."""
    made: list[bytes] = []
    arrays: dict[str, Any] = {
        "x": np.arange(12.0).reshape(3, 4),
        "y": np.asfortranarray(np.ones((4, 5), ">f4")),
        "k": np.array([1, 2, 3]),
        "s": np.float64(3),
        "t": np.array(["a", "b"]),
        "r": np.zeros(2, [("a", "f8"), ("b", "i4")]),
    }
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        made.append(buffer.getvalue())
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as file:
            with zipfile.ZipFile(io.BytesIO(made[0])) as old:
                file.writestr("x.npy", old.read("x.npy"))
        made.append(buffer.getvalue())
    return made


_SHAPE = re.compile(rb"'shape': \([^)]*\), ")


def mutated_archive(data: bytes, rng: random.Random) -> bytes:
    """Changed bytes, or a header that says something else in as many characters, or a member whose
    content was changed and packed anew with a right checksum."""
    choice = rng.randrange(3)
    if choice == 0:
        return mutated_bytes(data, rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if choice == 1:
                content = mutated_bytes(content, rng)
            else:
                shape = rng.choice((b"(999999999999999,)", b"(10**15,)", b"(-1,)", b"(3, 5)"))
                content = _SHAPE.sub(b"'shape': " + shape + b", ", content)
            method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            new.writestr(info.filename, content, method)
    return buffer.getvalue()
