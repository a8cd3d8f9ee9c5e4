"""Graph to graph: reverse and forward differentiation, rewriting, derivations.

Knows forms, no op names.
"""
