"""From a training function to an ensemble: one run per seed, reproducible, shared between processes."""
