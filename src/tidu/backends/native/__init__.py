"""Graph to machine code, in process, through LLVM. The graph that is read is what is compiled."""
