"""A torch classifier: accuracy, the worst digit, seeds that agree, and probabilities before and after recalibration.

    pytest -m satisficing examples/test_digits_torch.py

A network that has seen 150 digits only is right five times in six and too sure of itself. Temperature scaling on
digits that trained nothing makes its probabilities honest and leaves every label as it was.
"""

import numpy as np
import pytest
import torch
from torch import nn

import pytest_mlspec as mlspec
from pytest_mlspec import metrics

N_TRAIN = 150


@mlspec.dataset
def scarce_digits(digits):
    few, rest = np.split(np.arange(len(digits.train)), [N_TRAIN])
    return mlspec.Splits(train=digits.train.take(few), validation=digits.train.take(rest), test=digits.test)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images):
        return self.layers(images / 16)


@mlspec.ensemble(seeds=10, output="logits")
def reader(seed, scarce_digits):
    # The members differ in their initial weights: torch is seeded before each call.
    images = torch.tensor(scarce_digits.train.X, dtype=torch.float32)
    labels = torch.tensor(scarce_digits.train.y)
    network = Reader()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    return network


@pytest.fixture(scope="session")
def honest_reader(reader, scarce_digits):
    return mlspec.recalibrate(reader, scarce_digits.validation, method="temperature")


@pytest.mark.satisficing(at_least=0.78, id="DIG-1")
def test_reads_digits(reader, scarce_digits, requirement):
    assert metrics.accuracy(reader, scarce_digits.test) >= requirement


@pytest.mark.satisficing(at_least=0.40, id="DIG-2", because="no digit may be given up")
def test_worst_digit(reader, scarce_digits, requirement):
    assert metrics.accuracy(reader, scarce_digits.test).worst(by="label") >= requirement


@pytest.mark.seed_variance(max_std=0.02, id="DIG-3", because="a retraining must not change the product")
def test_seeds_agree(reader, scarce_digits, requirement):
    assert metrics.accuracy(reader, scarce_digits.test).seed_std() <= requirement


@pytest.mark.satisficing(at_least=0.78, members="mean", id="DIG-4")
def test_the_expected_retraining(reader, scarce_digits, requirement):
    assert metrics.accuracy(reader, scarce_digits.test) >= requirement


honest = pytest.mark.calibration(max_ece=0.08, bins=15, id="DIG-5", because="the sorter defers below 0.9")


@pytest.mark.xfail(strict=True, reason="red: fitted to 150 digits, the network is too sure of itself")
@honest
def test_probabilities_before_recalibration(reader, scarce_digits, requirement):
    assert metrics.ece(reader, scarce_digits.test, bins=15) <= requirement


@honest
def test_probabilities_after_recalibration(honest_reader, scarce_digits, requirement):
    assert metrics.ece(honest_reader, scarce_digits.test, bins=15) <= requirement
