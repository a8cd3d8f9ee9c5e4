"""From stages to the text of an LLVM module."""
