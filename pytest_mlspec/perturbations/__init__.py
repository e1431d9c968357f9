"""Perturbations: features in, changed features of the same form out."""
