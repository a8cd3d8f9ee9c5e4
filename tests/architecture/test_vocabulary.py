"""Names are the field's words: private ones do not come back, and one class name means one idea."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator

from tests.architecture.source import sources

# Words that named things here once, and what to write instead.
INSTEAD = {
    "letter": "index (of a loop, of a sum)",
    "letters": "indices, subscripts",
    "fold": "reduction",
    "folded": "reduced",
    "ghost": "placeholder",
    "opened": "inlined (a body), expanded (a formula)",
    "turned": "transposed, reversed, flipped, negated",
    "stretched": "broadcast",
    "stretch": "broadcast",
    "regroup": "stable form",
    "steepest": "gradient",
    "misfit": "operand error",
    "astray": "the condition itself",
    "door": "adapter",
    "spoken": "display name",
}

# Files where a word has its plain meaning, each with its reason.
PLAIN = {
    "explaining/recursion.py": "letters that stand for indices on the page",
    "files.py": "letters that a file name cannot have",
    "spellings/networks/convolution.py": "the letters of einsum's text",
    "ops/leaves.py": "Greek letters",
    "ops/linalg/einsum.py": "the letters of einsum's text",
    "ops/linalg/matrices.py": "the op that folds one triangle of a matrix onto the other",
    "ops/special/bessel.py": "the letters J, Y, I, K of the functions",
    "render/grammar.py": "names of one letter",
    "render/latex_text.py": "Greek letters",
    "render/layout.py": "brackets that are opened, or stretched over several lines",
    "render/scripts.py": "Greek letters",
    "scipy/signal.py": "the letters of einsum's text",
    "text/formula/names.py": "names of one letter",
    "text/formula/parts.py": "names of one letter",
    "text/formula/signs.py": "Greek letters",
    "text/lexer.py": "brackets that are opened; fullwidth signs that are folded to plain ones",
    "text/operations.py": "constants that are folded; a check that sizes stretch",
    "text/scope.py": "names of one letter",
    "text/values.py": "constants that are folded",
}


def _names(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield every identifier that a file binds: names, parameters, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(name, ast.Store()) | ast.arg(name) | ast.FunctionDef(name):
                yield name, node
            case ast.ClassDef(name):
                yield "".join("_" + c if c.isupper() else c for c in name), node
            case _:
                pass


def _private_words(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, node in _names(tree):
        for word in name.lower().split("_"):
            if word in INSTEAD:
                yield word, node


def test_names_are_the_words_of_the_field() -> None:
    found = [
        f"{source.at(node)}: {word}; write: {INSTEAD[word]}"
        for source in sources()
        if source.name not in PLAIN
        for word, node in _private_words(source.tree)
    ]
    assert not found, "\n".join(found)


def test_a_file_is_excused_only_while_it_has_such_a_name() -> None:
    used = {source.name for source in sources() if any(_private_words(source.tree))}
    assert set(PLAIN) <= used, sorted(set(PLAIN) - used)


def test_a_private_word_is_seen() -> None:
    text = "class GhostNode: ...\ndef f(loop_letter): turned = 1"
    assert [word for word, _ in _private_words(ast.parse(text))] == ["ghost", "letter", "turned"]


# Private words that no comment or docstring needs; "opened" and "turned" have a plain use.
PROSE = re.compile(r"\b(doors?|ghosts?|misfits?|astray|stretched|regroup\w*)\b", re.IGNORECASE)


def _prose(text: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every comment and docstring of a file with its line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            body = node.body[:1]
            if body and isinstance(body[0], ast.Expr) and ast.get_docstring(node) is not None:
                yield body[0].lineno, ast.get_docstring(node) or ""


def test_comments_and_docstrings_use_the_words_of_the_field() -> None:
    private = [
        f"{source.name}:{line}: {match.group()}; write the word of the glossary"
        for source in sources()
        for line, text in _prose(source.path.read_text("utf-8"), source.tree)
        if (match := PROSE.search(text))
    ]
    assert not private, "\n".join(private)


def test_a_private_word_in_prose_is_seen() -> None:
    text = '"""The text door."""\nx = 1  # a ghost\ny = "an open door"\n'
    assert [line for line, words in _prose(text, ast.parse(text)) if PROSE.search(words)] == [2, 1]


# Class names that two modules share, each with its reason. The list only gets shorter.
SHARED = {
    "Derivation": "the frozen record, and the handle of it that users hold",
}


def test_one_class_name_means_one_idea() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(source.at(node))
    twice = {name: at for name, at in places.items() if len(at) > 1}
    unexpected = [f"{name}: {', '.join(twice[name])}" for name in sorted(set(twice) - set(SHARED))]
    assert not unexpected, "\n".join(unexpected)
    assert set(SHARED) <= set(twice), f"no longer shared: {sorted(set(SHARED) - set(twice))}"
