"""What a program is: types, hash-consed nodes, graphs, the Op record and the one builder. Names no op."""
