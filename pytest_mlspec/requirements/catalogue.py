"""Every kind that exists, by the name of its marker. A new kind is one module and one line here."""

from __future__ import annotations

from pytest_mlspec.requirements import calibration, parity, satisficing, seed_variance
from pytest_mlspec.requirements.kind import Kind

KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (
        satisficing,
        calibration,
        parity,
        seed_variance,
    )
}
