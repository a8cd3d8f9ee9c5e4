"""Settings for all tests: how many random examples Hypothesis tries, what is done without SciPy,
PyTorch or JAX.
"""

from collections.abc import Generator
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

from tidu.errors import MissingPackageError

settings.register_profile(
    "default",
    max_examples=50,
    deadline=None,  # a slow machine is no failure
    derandomize=True,  # the same examples each time: a red test is red for everyone
)
settings.register_profile(
    "nightly",
    max_examples=2000,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Compiled programs are kept in a folder of the tests', never in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDU_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Without the extra packages, a test that runs into one is skipped."""
    try:
        return (yield)
    except MissingPackageError as error:
        if find_spec("scipy") is None:
            pytest.skip(error.text("en"))
        raise


# ------------------------------------------------------------------ tests that need PyTorch or JAX
def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--peers",
        action="store_true",
        help="PyTorch and JAX are here: a test marked `peer` that is skipped has failed",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in {name for mark in item.iter_markers("peer") for name in mark.args}:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With --peers as many tests run as are collected: one that was skipped has failed."""
    report = yield
    if report.skipped and item.config.getoption("--peers") and item.get_closest_marker("peer"):
        report.outcome = "failed"
        report.longrepr = f"--peers was given, and the test was skipped: {report.longreprtext}"
    return report
