"""Data drawn from known laws, for which the right answers can be worked out on paper."""

from pytest_mlspec.data.generators.cue import RedundantCueTruth, redundant_cue, redundant_cue_truth
from pytest_mlspec.data.generators.shifts import ShiftedPairTruth, shifted_pair, shifted_pair_truth
from pytest_mlspec.data.generators.sir import SirTruth, sir_epidemic, sir_infected, sir_truth
from pytest_mlspec.data.generators.spurious import spurious_regression
from pytest_mlspec.data.generators.subgroups import SubgroupTruth, subgroup_table, subgroup_truth
from pytest_mlspec.data.generators.text import OccupationsTruth, occupations, occupations_truth

__all__ = [
    "OccupationsTruth",
    "RedundantCueTruth",
    "ShiftedPairTruth",
    "SirTruth",
    "SubgroupTruth",
    "occupations",
    "occupations_truth",
    "redundant_cue",
    "redundant_cue_truth",
    "shifted_pair",
    "shifted_pair_truth",
    "sir_epidemic",
    "sir_infected",
    "sir_truth",
    "spurious_regression",
    "subgroup_table",
    "subgroup_truth",
]
