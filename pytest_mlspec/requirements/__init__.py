"""The catalogue of requirement kinds: one module per kind, composed of limits and parameters."""
