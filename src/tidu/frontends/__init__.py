"""Front doors: NumPy functions, text programs and study files, each read into a `Source`."""
