"""Source text of a derivation: files that stand alone and do not import tidu.

Everything is printed from the op records: `code` (NumPy), `scalar` (one element, C-like), `loop`,
`aliases`. An op about which its record says nothing for a language is refused by name.
"""
