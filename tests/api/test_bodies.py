"""Bodies of declared functions: also those whose derivative is the same for every element."""

from __future__ import annotations

import numpy as np
import pytest

import tidu

W, X = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), np.array([1.0, 2.0, 3.0])
BODIES = {
    "t": (lambda a: a, 1.0),
    "2*t + 1": (lambda a: 2 * a + 1, 2.0),
    "-t": (lambda a: -a, -1.0),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_linear_body_has_a_derivative_for_each_element(body: str) -> None:
    function, slope = BODIES[body]
    derivation = tidu.derive(
        "sum(f(W @ x))", wrt=["W", "x"], functions={"f": body}, values={"W": W, "x": X}
    )
    found = derivation.evaluate()
    assert found.value == np.sum(function(W @ X))
    assert np.array_equal(found.gradients["W"], slope * np.tile(X, (2, 1)))
    assert np.array_equal(found.gradients["x"], slope * W.sum(axis=0))
    for language in ("en", "zh"):
        assert derivation.explain(language).text()
        assert derivation.explain(language, zoom="element", of="W[1,1]").text()
