"""Running derivations: values bound, the backend chosen, the first non-finite value named."""
