"""Special functions and their first and second derivatives against 32 digits of mpmath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tests.ops.evaluate import evaluate, inputs_for
from tidu.calculus.differentiate import vjp
from tidu.calculus.rewrite import Rewriter
from tidu.ir.build import constant
from tidu.spellings.functions import find

pytest.importorskip("scipy")

Reference = Callable[[Any], Any]


def _erfcx(x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x)


def _phi(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _dawsn(x: Any) -> Any:
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def _gammaln(x: Any) -> Any:
    return mp.log(abs(mp.gamma(x)))


def _inverse(function: Reference, start: Callable[[Any], float]) -> Reference:
    return lambda p: mp.findroot(lambda x: function(x) - p, start(p))


def _exprel(x: Any) -> Any:
    return mp.expm1(x) / x if x else mp.mpf(1)


def _binom(n: Any, k: Any) -> Any:
    return mp.gamma(n + 1) / mp.gamma(k + 1) / mp.gamma(n - k + 1)


# name: (reference, points)
EVERYWHERE = [-30.0, -6.3, -2.5, -1.0, -1e-3, 1e-9, 0.3, 1.0, 2.5, 6.9, 12.0]
POSITIVE = [1e-6, 0.02, 0.5, 1.0, 1.4616321449683623, 2.5, 7.0, 31.0, 150.0]
NEGATIVE = [-0.3, -1.5, -2.7, -7.4]
SCALAR: dict[str, tuple[Reference, Sequence[float]]] = {
    "erf": (mp.erf, EVERYWHERE),
    "erfc": (mp.erfc, [*EVERYWHERE, 26.0]),
    "erfi": (mp.erfi, EVERYWHERE[1:-1]),
    "erfcx": (_erfcx, [*EVERYWHERE[1:], 26.0, 1e3, 1e8]),
    "dawsn": (_dawsn, [*EVERYWHERE, 8.1, 40.0]),
    "ndtr": (_phi, EVERYWHERE),
    "log_ndtr": (lambda x: mp.log(_phi(x)), [-1e3, *EVERYWHERE]),
    "gammaln": (_gammaln, [*POSITIVE, *NEGATIVE, 1e6, 1e-140]),
    "digamma": (lambda x: mp.psi(0, x), [*POSITIVE, *NEGATIVE, 1e6]),
    "gamma": (mp.gamma, [*POSITIVE, *NEGATIVE]),
    "rgamma": (mp.rgamma, [*POSITIVE, *NEGATIVE, 0.0, -1.0, -3.0]),
    "factorial": (mp.factorial, POSITIVE),
    "multigammaln": (
        lambda a: mp.fsum(_gammaln(a - mp.mpf(j) / 2) for j in range(3)) + 1.5 * mp.log(mp.pi),
        [1.2, 4.0, 100.0],
    ),
    "j0": (lambda x: mp.besselj(0, x), [0.0, 0.1, 1.0, 5.0, 30.0]),
    "j1": (lambda x: mp.besselj(1, x), [0.0, 0.1, 1.0, 5.0, 30.0]),
    "y0": (lambda x: mp.bessely(0, x), [0.1, 1.0, 5.0, 30.0]),
    "y1": (lambda x: mp.bessely(1, x), [0.1, 1.0, 5.0, 30.0]),
    "i0": (lambda x: mp.besseli(0, x), [-3.0, 0.0, 0.1, 1.0, 5.0, 300.0]),
    "i1": (lambda x: mp.besseli(1, x), [-3.0, 0.0, 0.1, 1.0, 5.0, 300.0]),
    "k0": (lambda x: mp.besselk(0, x), [0.01, 1.0, 300.0]),
    "k1": (lambda x: mp.besselk(1, x), [0.1, 5.0, 300.0]),
    "i0e": (lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), [-9.0, 0.1, 1.0, 29.0, 80.0, 1e6]),
    "i1e": (lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), [-9.0, 0.1, 1.0, 29.0, 80.0, 1e6]),
    "k0e": (lambda x: mp.exp(x) * mp.besselk(0, x), [0.01, 29.0, 80.0]),
    "k1e": (lambda x: mp.exp(x) * mp.besselk(1, x), [1.0, 29.0, 1e6]),
    "logit": (lambda p: mp.log(p / (1 - p)), [1e-140, 1e-9, 0.2, 0.5, 0.5000001, 0.9, 1 - 1e-9]),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), [-700.0, -40.0, -1.0, 1e-9, 2.0, 30.0]),
    "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), [-700.0, -40.0, -1.0, 1e-9, 2.0, 30.0]),
    "entr": (lambda x: -x * mp.log(x), [1e-300, 1e-9, 0.3, 1.0, 50.0]),
    "exprel": (
        _exprel,
        [-800.0, -31.0, -1.1, -0.9, -1e-9, 0.0, 1e-9, 0.5, 12.0, 29.0, 31.0, 600.0],
    ),
    "cosm1": (lambda x: mp.cos(x) - 1, [-3.0, 1e-9, 0.4, 2.0]),
    "expi": (mp.ei, [-5.0, 0.1, 0.5, 3.0, 50.0]),
    "exp1": (mp.e1, [0.01, 0.5, 3.0, 50.0]),
    "erfinv": (mp.erfinv, [-0.999999, -0.4, 1e-9, 0.3, 0.99]),
    "erfcinv": (_inverse(mp.erfc, lambda p: float(mp.erfinv(1 - p))), [1e-10, 0.3, 1.2, 1.9]),
    "ndtri": (
        _inverse(_phi, lambda p: float(mp.sqrt(2) * mp.erfinv(2 * p - 1))),
        [1e-10, 0.3, 0.9],
    ),
}
ATTRIBUTES: dict[str, dict[str, Any]] = {"multigammaln": {"d": 3}}


def found_derivatives(name: str, point: Sequence[float], **attributes: Any) -> tuple[Any, ...]:
    """Value, gradient and the second derivative by each of the moving operands."""
    spelling = find(f"scipy.special.{name}")
    assert spelling is not None, name
    xs = [np.asarray(p) for p in point]
    nodes = inputs_for(xs)
    out = spelling.record(*nodes, **attributes)
    kinds = None if out.op is not spelling.op else out.op.operands
    live = [i for i in range(len(xs)) if kinds is None or kinds[i].value == "value"]
    wrt = [nodes[i] for i in live]
    first = vjp([out], [constant(1.0)], wrt)
    second = [vjp([slope], [constant(1.0)], [x])[0] for slope, x in zip(first, wrt, strict=True)]
    run = [Rewriter("stabilise").normalise(node) for node in (out, *first, *second)]
    with np.errstate(all="ignore"):
        found = evaluate(run, dict(zip(nodes, xs, strict=True)))
    value, *rest = map(float, found)
    return value, live, rest[: len(live)], rest[len(live) :]


def differentiated(reference: Callable[..., Any], at: list[Any], place: int) -> tuple[Any, Any]:
    """First and second derivative by the operand at a place."""

    size = at[place] or mp.mpf(1)  # steps in proportion to the point, where it is not 0

    def along(u: Any) -> Any:
        return reference(*at[:place], u * size, *at[place + 1 :])

    first, second = (mp.diff(along, at[place] / size, n) / size**n for n in (1, 2))
    return first, second


def check(found: float, wanted: Any, at: Any, slope: Any, tolerance: float, what: Any) -> None:
    """Within the tolerance of the truth, or of what the rounding of the point changes in it."""
    room = tolerance * (abs(wanted) + abs(at * slope)) + mp.mpf("1e-290")
    assert abs(mp.mpf(found) - wanted) <= room, (what, found, mp.nstr(wanted, 17))


def test_a_slope_beyond_all_floats_is_infinite_and_no_nan() -> None:
    value, _, first, second = found_derivatives("exprel", [1000.0])
    assert value == first[0] == second[0] == np.inf


@pytest.mark.parametrize("name", SCALAR)
def test_functions_of_one_argument_agree_with_mpmath(name: str) -> None:
    reference, points = SCALAR[name]
    for x in points:
        value, _, (first,), (second,) = found_derivatives(name, [x], **ATTRIBUTES.get(name, {}))
        with mp.workdps(90 if name in ("erf", "log_ndtr") else 32):
            at = mp.mpf(x)
            slope, curve = differentiated(reference, [at], 0)
            check(value, reference(at), at, slope, 2e-13, x)
            check(first, slope, at, curve, 1e-12, x)
            room = 1e-9 * abs(curve) + 1e-12 * (abs(slope / at) if x else 0) + mp.mpf("1e-290")
            assert abs(second - curve) <= room, (x, second, mp.nstr(curve, 17))


def _scaled_k(v: Any, x: Any) -> Any:
    return mp.exp(x) * mp.besselk(v, x)


def _beta_tail(a: Any, b: Any, x: Any) -> Any:
    return 1 - mp.betainc(a, b, 0, x, regularized=True)


def _student(df: Any, t: Any) -> Any:
    tail = mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def _box(x: Any, power: Any) -> Any:
    return mp.expm1(power * mp.log(x)) / power if power else mp.log(x)


SEVERAL: dict[str, tuple[Callable[..., Any], list[tuple[float, ...]]]] = {
    "polygamma": (lambda n, x: mp.psi(int(n), x), [(1, 0.1), (1, 30.0), (3, 2.0), (2, -1.4)]),
    "jv": (mp.besselj, [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0), (1, 0.0)]),
    "yv": (mp.bessely, [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0)]),
    "iv": (mp.besseli, [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0), (3, -2.0)]),
    "kv": (mp.besselk, [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0)]),
    "ive": (
        lambda v, x: mp.exp(-abs(x)) * mp.besseli(v, x),
        [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0), (3, -2.0), (2.5, 100.0), (5, 1e5)],
    ),
    "kve": (_scaled_k, [(0, 0.5), (2, 3.0), (2.5, 1.0), (7, 20.0), (2.5, 100.0), (5, 1e5)]),
    "beta": (mp.beta, [(0.5, 3.0), (2.0, 2.0), (1e3, 2.0), (1e7, 1.5), (0.01, 40.0)]),
    "betaln": (
        lambda a, b: mp.log(mp.beta(a, b)),
        [(0.5, 3.0), (2.0, 2.5), (1e3, 2.0), (1e10, 1.5), (0.01, 40.0), (1e6, 1e6)],
    ),
    "poch": (lambda a, m: mp.gamma(a + m) / mp.gamma(a), [(0.5, 3.0), (20.0, 0.5), (1e5, 1.25)]),
    "binom": (_binom, [(5.0, 2.0), (7.5, 1.5), (40.0, 20.5)]),
    "zeta": (mp.zeta, [(2.0, 0.5), (3.5, 1.0), (5.0, 30.0)]),
    "gammainc": (
        lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        [(0.5, 0.2), (1.0, 1e-8), (3.0, 2.0), (40.0, 35.0), (1e4, 1.01e4)],
    ),
    "gammaincc": (
        lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
        [(0.5, 0.2), (1.0, 1e-8), (3.0, 2.0), (40.0, 35.0), (40.0, 80.0)],
    ),
    "betainc": (
        lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        [(0.5, 0.5, 0.2), (1.0, 3.0, 0.4), (40.0, 30.0, 0.6), (300.0, 20.5, 0.93)],
    ),
    "betaincc": (_beta_tail, [(0.5, 0.5, 0.2), (40.0, 30.0, 0.6)]),
    "stdtr": (_student, [(1.0, 0.5), (5.0, -30.0), (1e4, 1.5)]),
    "xlogy": (lambda x, y: x * mp.log(y), [(2.0, 0.5), (-1e-9, 1e9), (1e-300, 3.0)]),
    "xlog1py": (lambda x, y: x * mp.log1p(y), [(2.0, 1e-12), (-3.0, 5.0)]),
    "rel_entr": (lambda x, y: x * mp.log(x / y), [(0.3, 0.4), (1e-9, 0.5), (1e100, 1e-100)]),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, [(0.3, 0.4), (0.5, 0.7), (1e-9, 0.5)]),
    "boxcox": (_box, [(0.5, 2.0), (3.0, 1e-9), (3.0, 0.0), (1e-3, -0.7)]),
    "boxcox1p": (lambda x, p: _box(1 + x, p), [(0.5, 2.0), (1e-9, 0.3), (3.0, 0.0)]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_functions_of_several_arguments_agree_with_mpmath(name: str) -> None:
    reference, points = SEVERAL[name]
    for point in points:
        value, live, first, second = found_derivatives(name, point)
        with mp.workdps(32):
            at = [mp.mpf(p) for p in point]
            check(value, reference(*at), 0, 0, 1e-11, point)
            for place, slope, curve in zip(live, first, second, strict=True):
                wanted, wanted2 = differentiated(reference, at, place)
                check(slope, wanted, at[place], wanted2, 1e-11, (point, place))
                room = 1e-9 * abs(wanted2) + mp.mpf("1e-290")
                room += 1e-12 * (abs(wanted / at[place]) if at[place] else 0)
                assert abs(curve - wanted2) <= room, (point, place, curve, mp.nstr(wanted2, 17))
