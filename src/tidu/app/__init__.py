"""Ways to use tidu besides Python: the command line. No mathematics here."""
