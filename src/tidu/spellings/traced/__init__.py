"""NumPy functions that need the values or shapes of traced arrays; no formula can call them."""
