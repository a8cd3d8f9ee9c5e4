"""Texts that no one would write in earnest: signs glued at random, damaged formulas, long repeats.

`attack(seed)` is the text of that number, always the same one, so that a failure can be run again.
"""

# ruff: noqa: E501  (a table of pieces reads best in rows)

from __future__ import annotations

import json
import random
import sys
import unicodedata
from collections import defaultdict
from functools import cache
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
NAMES = ["x", "y", "A", "B", "v", "s", "λ", "n", "x_1", "W1", "θ", "f", "e", "i", "L", "xᵢ", "q"]
PYTHON = """+ - * / ** @ // % < <= == != & | ^ ~ and or not in is if else for def return lambda while
    import np. np.sum( np.exp( torch. sum( len( range( zip( sorted( max( min( sin( norm( where( .T
    .shape .sum( .reshape( ( ) [ ] { } , : ; = := += -> . ... ' " ''' # \\ 0 1 2.5 1e9 1e999 0x1F 2j
    1_000 True None axis=0 keepdims=True pass __ x__i __class__ _ a_ _a x_ 'F' f'{x}' b'x' @x *x **x
    (x,) [1,2] [[1,2],[3,4]] [:,None] [0] [-1] x.shape (1,2)+(3,) [1]*3""".split()
PAPER = """∑ ∑ᵢ ∑ᵢⱼ ∏ √ ∂ ∇ ∞ ½ ⅓ ² ³ ⁻¹ ⁻ᵀ ᵀ ⁿ ⁱ ⁻ ⁺ ᵢ ⱼ ₁ ₂ ₊ ₌ ₍ · ⊙ ⊘ ⊗ × ≤ ≥ ≠ ← → ‖ | || |x| ‖x‖ 𝟏 𝟙 I ℓ ' ′ ″
    ̂ ̃ ̄ ⃗ ̲ x̂ ẋ π σ Σ 当 时 其他情形 otherwise ∂L/∂x= dL/dx= ∇x= d/dx − – — ， ； （ ） 【 】 。 { } ( ) [ ] ; = , _ ^
    ^T ^{-1} ^{⊙2} _1 _{ij} _i _F _inf _{ _axis1 ^2 ** __ x__i :""".split()
LATEX = r"""\frac \frac{1}{2} \frac12 \sqrt \sqrt[3]{x} \sum \sum_i \sum_{i=1}^n \prod \partial \nabla \sin \log_2
    \tanh^2 \exp \det \ln \max \left( \right) \left| \right| \left\{ \right\} \left. \| \lVert \rVert | \cdot
    \times \odot \otimes \top ^\top ^{-1} \mathbf{x} \mathrm{d} \text{if } \operatorname{tr} \hat{x} \hat \bar x
    \mathbb{1} \mathbf{1} \alpha \lambda \begin{pmatrix} \end{pmatrix} \begin{cases} \end{cases} \begin{aligned}
    \end{aligned} \begin{vmatrix} \end{vmatrix} & \\ \, \! \; \quad \big \Big( \le \ge \ne \infty \in \to \{ \} \[ \]
    $ $$ ~ \ \unknown \x {} {{ }} _{ ^{ _ ^ ' x y A n 2 12 = ; , __ x__i""".split()
FORMULAS = [
    r"\frac12 x__i",
    r"\frac{1}{2n} \sum_{i=1}^n (y_i - x_i)^2",
    "½‖A x − y‖² + λ‖x‖₁",
    "∑ᵢ∑ⱼ Aᵢⱼ xᵢ xⱼ",
    "∑ᵢ xᵢ(X)",
    "L = (x − y)ᵀ A⁻¹ (x − y); ∂L/∂x = 2A⁻¹(x − y)",
    "{x if x > 0; −x otherwise}",
    r"\begin{cases} x & \text{if } x > 0 \\ -x & \text{otherwise} \end{cases}",
    r"\left\| A x - y \right\|_2^2 + \ln\det(A^\top A)",
    "[A B; Bᵀ A]",
    "e^(−x²/2) / √(2π)",
    "max(0, 1 − s·x) + [x > 0]",
    "h = tanh(A @ x + y)\nsum((h - 1)**2) / 2",
    "for i in range(3):\n    x = A @ x\nsum(x)",
    "def g(t, k=2):\n    return t**k\nsum(g(x) + g(t=y))",
    "a, b = x.shape[0], len(x)\nsum(x) * (a, b)[0]",
    "sum(np.broadcast_to(x, (2,) + x.shape))",
    "sum(x) if len(x) > 2 else sum(x**2)",
    "m = nn.Sequential(nn.Linear(3, 3), nn.ReLU())\nm(x).sum()",
    "L = ((torch.tensor([1.0, 2.0], requires_grad=True) - 1)**2).sum()\nL.backward()",
    "np.where(x > 0, x, 0.1*x).sum() + np.linalg.norm(A, 'fro')",
    "np.einsum('ij,j->i', A, x) @ y",
]


Shapes = dict[str, tuple[int | str, ...]]
LETTERS = {
    "s": (),
    "λ": (),
    "α": (),
    "x_1": (),
    "W1": (3, 3),
    "X": ("n", 3),
    "W": (3, 3),
    "b": (3,),
}
SHAPES: list[Shapes] = [
    {
        **LETTERS,
        "x": ("n",),
        "y": ("n",),
        "A": ("n", "n"),
        "B": ("n", "n"),
        "v": ("n",),
        "θ": ("n",),
    },
    {**LETTERS, "x": (3,), "y": (3,), "A": (3, 3), "B": (3, 3), "v": (3,), "θ": (3,)},
    {**LETTERS, "x": (), "y": (), "A": (2, 3), "B": (3, 2), "v": (1,), "θ": (2, 2)},
    {**LETTERS, "x": (2,), "A": (2, 2), "y": (2, 1), "v": (0,)},
]


@cache
def corpus() -> tuple[tuple[str, Shapes | None], ...]:
    """Formulas and programs that are in earnest, with the shapes they are written for."""
    found: list[tuple[str, Shapes | None]] = [(text, None) for text in FORMULAS]
    for name in ("identities.jsonl", "more_identities.jsonl"):
        for line in (DATA / name).read_text("utf-8").splitlines():
            record = json.loads(line)
            shapes = {n: tuple(shape) for n, shape in record.get("vars", {}).items()}
            texts = [record[k] for k in ("expr", "prog", "tex", "grad") if record.get(k)]
            found += [(text, shapes or None) for text in texts]
    return tuple(found)


@cache
def characters() -> dict[str, str]:
    """All characters of Unicode by their category, halves of surrogate pairs too."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Co") or code % 9973 == 0:
            found[category].append(chr(code))
    return {category: "".join(each) for category, each in found.items()}


def _character(rng: random.Random) -> str:
    table = characters()
    return rng.choice(table[rng.choice(sorted(table))])


def _pieces(rng: random.Random) -> list[str]:
    tables = [NAMES, PYTHON, PAPER, LATEX]
    chosen = rng.sample(tables, rng.choice([1, 1, 2, 4]))
    return [*NAMES, *(piece for table in chosen for piece in table)]


def _glued(rng: random.Random) -> tuple[str, Shapes | None]:
    """Signs and words of the languages in any order."""
    pieces = _pieces(rng)
    space = rng.choice(["", "", " ", "\n"])
    parts: list[str] = []
    for _ in range(rng.choice([3, 6, 12, 40])):
        parts.append(_character(rng) if rng.random() < 0.05 else rng.choice(pieces))
        parts.append(space if rng.random() < 0.7 else rng.choice([" ", "", "", "\n", "\t"]))
    return "".join(parts), None


def _damaged(rng: random.Random) -> tuple[str, Shapes | None]:
    """A formula in earnest with pieces cut out, put in, doubled and moved."""
    text, shapes = rng.choice(corpus())
    pieces = [*_pieces(rng), *(shapes or ())]
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice([0, 0, 1, 2, 5]))
        piece = rng.choice(
            [
                rng.choice(pieces),
                rng.choice(pieces),
                "__",
                _character(rng),
                text[start:end] * rng.choice([2, 3]),
                rng.choice(corpus())[0][:20],
                "",
            ]
        )
        text = text[:start] + piece + text[end:]
    return text, shapes


def _formula(rng: random.Random) -> tuple[str, Shapes | None]:
    """A formula by the grammar; a sum of it, so that it can be derived."""
    inside = _grown(rng, rng.choice([1, 2, 2, 3, 5]))
    around = rng.choice(
        ["{0}", "sum({0})", "∑ ({0})", "h = {0}\nsum(h)", "‖{0}‖²", "sum(({0})**2)"]
    )
    return around.format(inside), None


def _grown(rng: random.Random, depth: int) -> str:
    if depth <= 0 or rng.random() < 0.15:
        earnest = ["x", "x", "y", "A", "v", "s", "2"]
        odd = [*NAMES, "½", "1", "0", "(1, 2)", "[1, 2]", "𝟏", "I", "x.shape", "A.T"]
        return rng.choice(earnest if rng.random() < 0.7 else odd)
    form = rng.choice(
        [
            "({0})", "({0} + {1})", "{0} {1}", "{0}·{1}", "{0} ⊙ {1}", "{0}/{1}", "{0} @ {1}", "{0}*{1}", "{0}ᵀ",
            "({0})'", "({0})²", "{0}^{1}", "({0})^({1})", "{0}**{1}", "√({0})", "√{0}", "‖{0}‖", "|{0}|", "‖{0}‖_{1}",
            "∑ {0}", "∑ᵢ {0}", "∑ᵢⱼ {0}", "∑_{{i}} {0}", "∏ {0}", "({0})ᵢ", "{0}_{{{1}}}", "{0}_1", "σ({0})",
            "tr({0})", "max({0}, {1})", "[{0}, {1}]", "[{0} {1}; {1} {0}]", "[{0} > {1}]", "{{{0} if {1}; {0} otherwise}}",
            "{0}({1})", "{0}[{1}]", "{0}[{1}:, None]", "sum({0})", "len({0})", "sorted({0})", "({0}, {1})", "-{0}", "not {0}",
            "{0} if {1} else {0}", "np.exp({0})", "{0}.T", "{0}.shape", "{0} = {1}", "{0} < {1}", "{0} and {1}",
            r"\frac{{{0}}}{{{1}}}", r"\frac {0} {1}", r"\sqrt[{0}]{{{1}}}", r"\left({0}\right)", r"\sum_{{i=1}}^{{{0}}} {1}",
            r"\sin {0}", r"\ln\det({0})", r"\mathbf{{{0}}}", r"\hat{{{0}}}", r"{0}^\top {1}", "∂L/∂{0} = {1}", "{0}; {1}",
        ]
    )  # fmt: skip
    return form.format(_grown(rng, depth - 1), _grown(rng, depth - 1))


def _repeated(rng: random.Random) -> tuple[str, Shapes | None]:
    """One piece many times, or one form inside itself many times."""
    pieces = [
        *_pieces(rng),
        "((",
        "−",
        "- ",
        "not ",
        "x'",
        "{0",
        "x_1",
        "a.",
        "x\n",
        "# c\n",
        "λ",
        "9",
    ]
    pieces.append(_character(rng))
    count = rng.choice([10, 100, 1_000, 5_000, 30_000])
    front = "".join(rng.choice(pieces) for _ in range(rng.choice([1, 1, 2, 3])))
    behind = rng.choice(["", "", ")", "]", "}", rng.choice(pieces)])
    ends = rng.choice(["", "x", "\\x", "x = "])
    middle = rng.choice(["", "x"])
    return ends + front * count + middle + behind * (count if behind else 0), None


def _any(rng: random.Random) -> tuple[str, Shapes | None]:
    """Characters of every kind."""
    text = "".join(
        _character(rng) if rng.random() < 0.5 else rng.choice("x y+*(_)[]^1\\{}=.,'\"#\n ∑ᵀ²ᵢ|")
        for _ in range(rng.choice([1, 3, 10, 60]))
    )
    return text, None


def attack(seed: int) -> tuple[str, Shapes]:
    """The text of this number, and the shapes to read it with."""
    rng = random.Random(seed)
    kinds = [_glued, _damaged, _repeated, _any, _formula]
    text, shapes = rng.choices(kinds, [4, 10, 1, 3, 10])[0](rng)
    return text, shapes or rng.choice(SHAPES)
