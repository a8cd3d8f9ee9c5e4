"""Side-by-side timings; run with `python -m benchmarks`. Nothing here is a test."""
