"""Write src/tidu/backends/native/elementary/coefficients.py: polynomials of least greatest error.

python scripts/elementary_coefficients.py          (needs mpmath; about a minute)

Each table approximates a smooth function g on an interval so that the greatest |weight · error| is
least: Remez' exchange, in 80 digits, from the definitions below and nothing else. The weights turn
the error into one relative to the function that the polynomial is a part of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp

mp.dps = 80
DIGITS = 1184  # of 2/π: enough for the greatest float64
Function = Callable[[Any], Any]
TARGET = Path(__file__).parent.parent / "src/tidu/backends/native/elementary/coefficients.py"


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    says: str
    g: Function
    weight: Function
    low: Any
    high: Any
    terms: dict[str, int]  # format -> number of coefficients
    span: Any = 300  # of the weights


def away(x: Any) -> Any:
    """The quotients below have removable singularities at 0."""
    return x if abs(x) > mp.mpf(10) ** -20 else mp.mpf(10) ** -20


def of(f: Function) -> Function:
    return lambda x: f(away(x))


def one(_x: Any) -> Any:
    return mp.mpf(1)


def minimax(table: Table, terms: int) -> tuple[list[Any], Any]:
    """The coefficients, lowest first, and the greatest weighted error."""
    low, high = mp.mpf(table.low), mp.mpf(table.high)

    def at(t: Any) -> Any:
        return (low + high) / 2 + (high - low) / 2 * t

    points = [at(-mp.cos(mp.pi * i / terms)) for i in range(terms + 1)]
    grid = [at(-mp.cos(mp.pi * i / (24 * terms))) for i in range(24 * terms + 1)]
    wanted = [table.g(x) for x in grid]
    # a weight may vanish or change its sign at 0: bounded from below there
    weights = [abs(table.weight(x)) for x in grid]
    least = max(weights) / table.span
    weights = [max(w, least) for w in weights]
    found: list[Any] = []
    for _ in range(12):
        system = mp.matrix(terms + 1, terms + 1)
        right = mp.matrix(terms + 1, 1)
        for i, x in enumerate(points):
            for j in range(terms):
                system[i, j] = x**j
            system[i, terms] = (-1) ** i / max(abs(table.weight(x)), least)
            right[i] = table.g(x)
        solution = mp.lu_solve(system, right)
        found, level = list(solution)[:terms], abs(solution[terms])
        errors = [(horner(found, x) - g) * w for x, g, w in zip(grid, wanted, weights, strict=True)]
        worst = max(abs(e) for e in errors)
        if worst <= level * mp.mpf("1.0005"):
            break
        points = exchanged(grid, errors, points)
    return found, worst


def horner(coefficients: list[Any], x: Any) -> Any:
    value = mp.mpf(0)
    for c in reversed(coefficients):
        value = value * x + c
    return value


def exchanged(grid: list[Any], errors: list[Any], before: list[Any]) -> list[Any]:
    """One extremum of the error for each run of one sign; as many neighbours as are wanted."""
    runs: list[int] = []
    for i, e in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > len(before):
        drop_first = abs(errors[runs[0]]) < abs(errors[runs[-1]])
        runs.pop(0 if drop_first else -1)
    return [grid[i] for i in runs] if len(runs) == len(before) else before


def rounded(value: Any, name: str) -> float:
    """The nearest number of the format."""
    if name == "f64":
        return float(value)
    near = np.float32(float(value))
    return float(near)


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.0001")
ROOT = mp.sqrt(2) - 1
QUARTER = mp.pi / 4 * mp.mpf("1.0001")
S_MAX = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)  # greatest s = f/(2+f), f from √½-1 to √2-1


def log_rest(z: Any) -> Any:
    """(ln((1+s)/(1-s)) - 2s)/s³ at z = s²."""
    s = mp.sqrt(away(z))
    return (2 * mp.atanh(s) - 2 * s) / s**3


ERFC_FROM = mp.mpf("0.5")  # nearer to 0, erfc is 1 - erf


def erf_table(form: str, end: int, terms: int) -> Table:
    says = f"erf a = 1 - e^(-P(a)), a from 1 to {end}"
    name = "ERF_TAIL" if form == "f64" else "ERF_TAIL_NEAR"

    def g(a: Any) -> Any:
        return -mp.log(mp.erfc(a))

    return Table(name, says, g, mp.erfc, 1, end, {form: terms}, mp.inf)


def scaled_erfc(centre: int) -> Function:
    def h(q: Any) -> Any:
        a = centre * (1 + q) / (1 - q)
        return mp.erfc(a) * mp.exp(a**2) * (1 + 2 * a)

    return h


def erfc_table(name: str, form: str, centre: int, end: str, terms: int) -> Table:
    ends = [(a - centre) / (a + centre) for a in (ERFC_FROM, mp.mpf(end))]
    says = f"erfc a = e^(-a²) P(q)/(1 + 2a), q = (a - {centre})/(a + {centre}), a from ½ to {end}"
    return Table(name, says, scaled_erfc(centre), one, *ends, {form: terms})


TABLES = (
    Table(
        "EXP",
        "e^r = 1 + r + r² P(r), |r| ≤ ln 2 / 2",
        of(lambda r: (mp.expm1(r) - r) / r**2),
        of(lambda r: r**2 / mp.expm1(r)),
        -HALF_LN2,
        HALF_LN2,
        {"f64": 10, "f32": 5},
    ),
    Table(
        "EXP2",
        "2^r = 1 + r ln 2 + r² P(r), |r| ≤ 1/2",
        of(lambda r: (mp.expm1(r * mp.log(2)) - r * mp.log(2)) / r**2),
        of(lambda r: r),
        -mp.mpf("0.50001"),
        mp.mpf("0.50001"),
        {"f64": 10, "f32": 5},
    ),
    Table(
        "LOG",
        "ln(1+f) = 2s + s z P(z), z = s², s = f/(2+f), 1+f from √½ to √2",
        log_rest,
        lambda z: z,
        0,
        S_MAX**2,
        {"f64": 7, "f32": 3},
    ),
    Table(
        "LOG_PLAIN",
        "ln(1+f) = f - f²/2 + f³ P(f), 1+f from √½ to √2: no division",
        of(lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3),
        of(lambda f: f**3 / mp.log1p(f)),
        mp.sqrt(mp.mpf("0.5")) - 1,
        ROOT,
        {"f32": 8},
    ),
    Table(
        "LOG_RATIO",
        "ln(1+f) = f P(f), 1+f from √½ to √2",
        of(lambda f: mp.log1p(f) / f),
        of(lambda f: f / mp.log1p(f)),
        mp.sqrt(mp.mpf("0.5")) - 1,
        ROOT,
        {"f32": 10},
    ),
    Table(
        "LOG2_RATIO",
        "log₂(1+f) = f P(f), 1+f from √½ to √2",
        of(lambda f: mp.log1p(f) / mp.log(2) / f),
        of(lambda f: f / mp.log1p(f)),
        mp.sqrt(mp.mpf("0.5")) - 1,
        ROOT,
        {"f32": 10},
    ),
    Table(
        "SIN",
        "sin r = r + r³ P(r²), |r| ≤ π/4",
        of(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        of(lambda z: z),
        0,
        QUARTER**2,
        {"f64": 6, "f32": 3},
    ),
    Table(
        "COS",
        "cos r = 1 - r²/2 + r⁴ P(r²), |r| ≤ π/4",
        of(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2),
        of(lambda z: z**2),
        0,
        QUARTER**2,
        {"f64": 6, "f32": 3},
    ),
    Table(
        "ATAN",
        "atan t = t + t³ P(t²), |t| ≤ tan(π/8)",
        of(lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        of(lambda z: z),
        0,
        mp.tan(mp.pi / 8) ** 2 * mp.mpf("1.0001"),
        {"f64": 11, "f32": 5},
    ),
    Table(
        "ASIN",
        "asin s = s + s³ P(s²), |s| ≤ 1/2",
        of(lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        of(lambda z: z),
        0,
        mp.mpf("0.2500001"),
        {"f64": 12, "f32": 5},
    ),
    Table(
        "ERF",
        "erf x = x + x P(x²), |x| ≤ 1",
        of(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1),
        one,
        0,
        1,
        {"f64": 12, "f32": 7},
    ),
    erf_table("f64", 6, 18),
    erf_table("f32", 4, 7),
    erfc_table("ERFC", "f64", 4, "27.3", 22),
    erfc_table("ERFC_NEAR", "f32", 2, "10.1", 11),
    Table(
        "CBRT",
        "(1+f)^(-1/3) nearly, 1+f from √½ to √2",
        lambda f: (1 + f) ** (-mp.mpf(1) / 3),
        one,
        mp.sqrt(mp.mpf("0.5")) - 1,
        ROOT,
        {"f64": 6, "f32": 6},
    ),
    Table(
        "LOG_TAIL",
        "ln(1+f) = 2s + s z (2/3 + z P(z)), as for LOG",
        of(lambda z: (log_rest(z) - mp.mpf(2) / 3) / z),
        of(lambda z: z),
        0,
        S_MAX**2,
        {"f64": 7},
    ),
    Table(
        "LOG_SHORT",
        "as LOG, to what a power in float32 needs",
        log_rest,
        lambda z: z,
        0,
        S_MAX**2,
        {"f64": 5},
    ),
    Table(
        "EXP_SHORT",
        "as EXP, to what a power in float32 needs",
        of(lambda r: (mp.expm1(r) - r) / r**2),
        of(lambda r: r**2),
        -HALF_LN2,
        HALF_LN2,
        {"f64": 6},
    ),
)


@dataclass(frozen=True, slots=True)
class Sum:
    """A constant as a sum of numbers of the format; the first ends in so many zeros."""

    name: str
    says: str
    value: Any
    parts: int
    zeros: dict[str, int]


SUMS = (
    Sum("LN2", "ln 2; times an exponent, the first is exact", mp.log(2), 2, {"f64": 11, "f32": 8}),
    Sum("LN2_NEAR", "ln 2, the first part the nearest number", mp.log(2), 2, {"f64": 0, "f32": 0}),
    Sum("LOG10_2", "log₁₀ 2, likewise", mp.log10(2), 2, {"f64": 11, "f32": 8}),
    Sum("LOG2_E", "1/ln 2", 1 / mp.log(2), 2, {"f64": 0, "f32": 0}),
    Sum("LOG10_E", "1/ln 10", 1 / mp.log(10), 2, {"f64": 0, "f32": 0}),
    Sum("TWO_BY_PI", "2/π", 2 / mp.pi, 1, {"f64": 0, "f32": 0}),
    Sum("HALF_PI", "π/2", mp.pi / 2, 3, {"f64": 0, "f32": 0}),
)


def parts(constant: Sum, name: str) -> list[float]:
    rest, found = constant.value, []
    for i in range(constant.parts):
        digits = (53 if name == "f64" else 24) - (constant.zeros[name] if i == 0 else 0)
        step = mp.mpf(2) ** (mp.floor(mp.log(abs(rest), 2)) + 1 - digits)
        found.append(float(mp.nint(rest / step) * step))
        rest -= mp.mpf(found[-1])
    return found


def lines() -> list[str]:
    text = [
        '"""Polynomials of least greatest error, lowest coefficient first.',
        "",
        "Written by scripts/elementary_coefficients.py, which derives them; 2^-n is the greatest",
        "error before the coefficients are rounded.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "",
        "Table = Mapping[str, tuple[float, ...]]",
        "# fmt: off",
    ]
    for constant in SUMS:
        text += ["", f"# {constant.says}", f"{constant.name}: Table = {{"]
        for name in constant.zeros:
            values = ", ".join(repr(v) for v in parts(constant, name))
            comma = "," if constant.parts == 1 else ""
            text.append(f'    "{name}": ({values}{comma}),')
        text.append("}")
    with mp.workdps(500):
        digits = f"{int(mp.floor(2 / mp.pi * mp.mpf(2) ** DIGITS)):0{DIGITS // 4}x}"
    text += ["", f"# the first {DIGITS} binary digits of 2/π after the point, in hexadecimal"]
    text += [
        "TWO_BY_PI_DIGITS = (",
        *(f'    "{digits[i : i + 80]}"' for i in range(0, len(digits), 80)),
        ")",
    ]
    for table in TABLES:
        text += ["", f"# {table.says}", f"{table.name}: Table = {{"]
        for name, terms in table.terms.items():
            found, worst = minimax(table, terms)
            text.append(f'    "{name}": (  # 2^{float(mp.log(worst, 2)):.1f}')
            values = [repr(rounded(c, name)) for c in found]
            text += [f"        {', '.join(values[i : i + 3])}," for i in range(0, terms, 3)]
            text.append("    ),")
            print(table.name, name, terms, f"2^{float(mp.log(worst, 2)):.1f}", flush=True)
        text.append("}")
    return text


def main() -> None:
    TARGET.write_text("\n".join(lines()) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    main()
