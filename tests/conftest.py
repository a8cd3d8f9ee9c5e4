"""Settings for all tests: how many random examples Hypothesis tries."""

from hypothesis import HealthCheck, settings

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
