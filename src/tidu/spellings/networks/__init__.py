"""Layers of networks: convolutions, pooling, activations and losses."""
