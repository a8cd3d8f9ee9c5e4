"""Training steps of five networks: tidu beside its peers; `python -m benchmarks training`."""
