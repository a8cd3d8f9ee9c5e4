"""Study files: TOML that states a worked problem, checked against its format and read."""
