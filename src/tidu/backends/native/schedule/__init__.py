"""From a graph to stages: which loops there are, in which order, where values lie. No LLVM."""
