"""Training months -> hyper-parameters that do better on folds in the order of time."""
