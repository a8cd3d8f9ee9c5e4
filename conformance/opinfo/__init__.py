"""PyTorch's own table of operator samples (`op_db`), values and gradients, against tidu."""
