"""The loop of a gradient descent: its program, batches, steps, validation, predictions."""
