"""What models said about data: one array per (ensemble, dataset), computed once and kept."""

from pytest_mlspec.predictions.asking import predict
from pytest_mlspec.predictions.predictions import Predictions

__all__ = ["Predictions", "predict"]
