"""(Derivation, Valuation, findings) to Document.

Decides what is said, in which order, under which names.
"""
