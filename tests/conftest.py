"""Settings for all tests: how many random examples Hypothesis tries, what is done without SciPy."""

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
