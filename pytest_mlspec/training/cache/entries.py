"""The members of one part: distinct skeletons once, arrays in one file, tensors stacked over the members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from pytest_mlspec.training.cache.checksums import strong_digest
from pytest_mlspec.training.cache.members import Packed
from pytest_mlspec.training.cache.parts import read_file
from pytest_mlspec.training.cache.safetensors_file import RawTensor, read_tensors, tensor_file

__all__ = ["Entry", "Listed", "lay_out", "listed", "read_packed"]

SKELETONS, ARRAYS = "skeletons.pickle", "arrays.npy"
_BOUNDARY = 64
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a manifest says of one member: enough to know whether it is wanted.

    Attributes:
        seed: the seed that it was trained with.
        seconds: seconds that its fit took.
        facts: what was put down beside it.
        stamp: when it was stored, in nanoseconds; of two members for one seed the later one counts.
        device: where its tensors were.
        origins: module -> file of the classes that its skeleton names.
        skeleton: where its pickle lies.
        arrays: where its arrays lie.
        tensors: the file of its tensors and its row in there; None without tensors.
    """

    seed: int
    seconds: float
    facts: Mapping[str, object]
    stamp: int
    device: str
    origins: Mapping[str, str]
    skeleton: Span
    arrays: Sequence[Span]
    tensors: tuple[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member to be stored."""

    seed: int
    seconds: float
    facts: Mapping[str, object]
    stamp: int
    packed: Packed


def lay_out(entries: Sequence[Entry]) -> tuple[dict[str, object], dict[str, list[np.ndarray]]]:
    """Lay out a part.

    Returns:
        The body of its manifest, and the bytes of each of its files in pieces.
    """
    skeletons, arrays = _Row(), _Row(boundary=_BOUNDARY)
    groups: dict[tuple[object, ...], list[Packed]] = {}
    body = []
    for entry in entries:
        packed = entry.packed
        body.append(
            {
                "seed": entry.seed,
                "seconds": entry.seconds,
                "facts": entry.facts,
                "stamp": entry.stamp,
                "device": packed.device,
                "origins": packed.origins,
                "skeleton": skeletons.put_once(np.frombuffer(packed.skeleton, np.uint8)),
                "arrays": [arrays.put_once(array) for array in packed.arrays],
                "tensors": _stacked(packed, groups),
            }
        )
    files = {SKELETONS: skeletons.pieces}
    if arrays.size:
        files[ARRAYS] = [_npy_head(arrays.size), *arrays.pieces]
    for number, members in enumerate(groups.values()):
        names = members[0].tensors
        files[_tensors(number)] = tensor_file({name: [one.tensors[name] for one in members] for name in names})
    return {"members": body}, files


def listed(body: Mapping[str, object]) -> list[Listed]:
    """The members that a manifest lists."""
    return [Listed(**one) for one in cast("list[dict[str, object]]", body["members"])]  # type: ignore[arg-type]


def read_packed(path: Path, body: dict[str, object], wanted: Sequence[Listed]) -> list[Packed]:
    """Read members of a part; every byte that is given back has been checked.

    Raises:
        Damaged: a file is missing, cut short or changed.
        NotPrivateError: somebody else could have written it.
    """
    skeletons = read_file(path, body, SKELETONS)
    arrays = read_file(path, body, ARRAYS)[len(_npy_head(0)) :] if any(one.arrays for one in wanted) else _NOTHING
    groups = {
        name: read_tensors(read_file(path, body, name)) for name in {one.tensors[0] for one in wanted if one.tensors}
    }
    given: set[Span] = set()
    return [_picked(one, skeletons, arrays, groups, given) for one in wanted]


def _picked(
    one: Listed,
    skeletons: np.ndarray,
    arrays: np.ndarray,
    groups: Mapping[str, Mapping[str, list[RawTensor]]],
    given: set[Span],
) -> Packed:
    raw = {} if one.tensors is None else {name: stack[one.tensors[1]] for name, stack in groups[one.tensors[0]].items()}
    return Packed(
        skeleton=_cut(skeletons, one.skeleton).tobytes(),
        arrays=tuple(_own(arrays, span, given) for span in one.arrays),
        tensors=raw,
        device=one.device,
        origins=one.origins,
    )


def _stacked(packed: Packed, groups: dict[tuple[object, ...], list[Packed]]) -> tuple[str, int] | None:
    """Put a member's tensors beside those of the same names, types and shapes."""
    if not packed.tensors:
        return None
    shape = tuple((name, tensor.dtype, tensor.shape) for name, tensor in sorted(packed.tensors.items()))
    members = groups.setdefault(shape, [])
    members.append(packed)
    return _tensors(list(groups).index(shape)), len(members) - 1


def _tensors(number: int) -> str:
    return f"tensors-{number}.safetensors"


class _Row:
    """Bytes laid one after the other, each on its boundary."""

    def __init__(self, *, boundary: int = 1) -> None:
        self.pieces: list[np.ndarray] = []
        self.size = 0
        self._boundary = boundary
        self._known: dict[str, Span] = {}

    def put_once(self, content: np.ndarray) -> Span:
        """Put content down, or find it: the training rows that every nearest-neighbour model keeps lie here once."""
        digest = strong_digest(content.data)
        if digest not in self._known:
            self._known[digest] = self._put(content)
        return self._known[digest]

    def _put(self, content: np.ndarray) -> Span:
        filler = -self.size % self._boundary
        if filler:
            self.pieces.append(np.zeros(filler, np.uint8))
        span = (self.size + filler, len(content))
        self.pieces.append(content)
        self.size = sum(span)
        return span


def _own(arrays: np.ndarray, span: Span, given: set[Span]) -> np.ndarray:
    """Bytes that no other array shares: what lies there once for several is copied for all but the first."""
    start, size = span
    found = _cut(arrays, span)
    if (start, size) in given:
        return found.copy()
    given.add((start, size))
    return found


def _cut(content: np.ndarray, span: Span) -> np.ndarray:
    return content[span[0] : span[0] + span[1]]


def _npy_head(size: int) -> np.ndarray:
    """The head of a .npy file of `size` bytes: always 128 bytes long."""
    from pytest_mlspec.training.cache.arrays import npy_head

    return npy_head(np.dtype(np.uint8), (size,), in_columns=False)


_NOTHING = np.empty(0, np.uint8)
