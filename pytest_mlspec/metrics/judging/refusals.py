"""What is never judged: a percentage for a fraction, a model on its training rows, a comparison the wrong way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mlspec.metrics.evidence.known import Known
from pytest_mlspec.predictions.recalled import baseline_of

if TYPE_CHECKING:
    from pytest_mlspec.metrics.estimate import Estimate
    from pytest_mlspec.verdict import Comparison

FRACTIONS = frozenset(
    {
        "accuracy",
        "auroc",
        "category_distance",
        "coefficient_share",
        "disagreement",
        "domain_distance",
        "ece",
        "f1",
        "failure_rate",
        "false_positive_rate",
        "flip_rate",
        "gradient_share",
        "ks_distance",
        "mce",
        "precision",
        "recall",
        "selection_rate",
        "similarity",
        "specificity",
    }
)
"""Metrics that lie in [0, 1] whatever the data."""
HONEST_REPEATS = (
    "where equal rows are honest repeats, say so: Splits(train=, test=, max_duplicates=), and in a notebook "
    "Ensemble.fit(..., may_read=[street.test])"
)


def refuse_percent(estimate: Estimate, comparison: Comparison, threshold: float) -> None:
    """Refuse a limit that every model meets or none can: most often a percentage where a fraction is meant."""
    if estimate.form in ("quotient", "seed_std_quotient"):
        return
    if estimate.metric.removeprefix("reweighted_") not in FRACTIONS and estimate.form != "ratio":
        return
    lowest = -1 if estimate.form in ("difference", "shortfall") else 0
    if lowest <= threshold <= 1:
        return
    hint = f": did you mean {threshold / 100:g}?" if 1 < abs(threshold) <= 100 else ""
    raise ValueError(
        f"{estimate.subject} lies in [{lowest}, 1], a fraction and never percent; "
        f"got {estimate.metric} {comparison} {threshold:g}{hint}"
    )


def refuse_swapped_sides(estimate: Estimate, comparison: Comparison) -> None:
    """Refuse ``baseline - candidate >= limit`` of what should be large: any worse candidate meets it."""
    if estimate.form != "difference" or len(estimate.sides) != 2:
        return
    left, right = estimate.sides
    if baseline_of(left) and not baseline_of(right) and (comparison == ">=") == estimate.greater_is_better:
        raise ValueError(
            f"the sides are swapped: the worse {right.name}, the better it meets this. Write candidate - baseline, "
            f"{right.name} minus {left.name} {comparison} the limit"
        )


def refuse_training_rows(estimate: Estimate) -> None:
    """Refuse to judge a model on rows that trained it, on either side of a comparison."""
    if isinstance(estimate.evidence, Known):
        return  # read off the model: no case had a part in it
    for predictions in estimate.sides:
        if predictions.training_rows:
            content = predictions.known_in_content
            raise ValueError(
                f"{estimate.subject} is judged on rows that trained the model: {predictions.training_rows:,} of "
                f"{predictions.n_examples:,} rows of {predictions.dataset_name or 'the dataset'} "
                f"{'equal training rows in content' if content else 'are training rows'}. "
                "A requirement is about new cases: judge on the test split (`.values` still shows the training figure)"
                + (f"; {HONEST_REPEATS}" if content else "")
            )
