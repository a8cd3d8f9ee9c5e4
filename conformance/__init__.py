"""Other people's suites, run against tidu. Nothing of theirs is kept here: each suite is taken from
the package that its authors publish, and run unchanged. See `python -m conformance --help`."""
