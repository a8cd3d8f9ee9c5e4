"""tidu (梯度): gradients that are derived, shown, checked and run."""
