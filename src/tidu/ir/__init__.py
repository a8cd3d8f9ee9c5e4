"""What a program is: types, hash-consed nodes, graphs, the Op record, the builder. Names no op."""
