"""The public verbs, and the thin handles that users hold."""
