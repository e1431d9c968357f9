"""A content hash of data: equal for equal content in every process, whatever Python's hash seed."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.forms import (
    Features,
    Vector,
    frame_column,
    frame_columns,
    is_frame,
    is_series,
    is_sparse,
    is_tensor,
)
from pytest_mlspec.data.targets import as_vector

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

DIGEST_SIZE = 16


class Digest:
    """BLAKE2b over named parts, each preceded by its name and length so that no two contents run together."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_SIZE)

    def hexdigest(self) -> str:
        """The hash so far, as 32 hexadecimal digits."""
        return self._hash.hexdigest()

    def text(self, name: str, value: str) -> None:
        """Add a short text."""
        encoded = value.encode("utf-8", "surrogatepass")
        self._hash.update(f"{name}:{len(encoded)};".encode())
        self._hash.update(encoded)

    def array(self, name: str, values: Vector) -> None:
        """Add an array of any shape: numbers by their bytes, text by its characters, objects by their content."""
        if values.dtype.kind in "OUT":
            self.text(f"{name}.objects", str(values.shape))
            self._objects(name, values.reshape(-1).tolist())
            return
        self.text(f"{name}.{values.dtype.newbyteorder('=').str}", str(values.shape))
        native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        if native.size:
            self._hash.update(native.reshape(-1).view(np.uint8).data)

    def _objects(self, name: str, values: list[object]) -> None:
        if all(type(value) is str for value in values):
            encoded = [value.encode("utf-8", "surrogatepass") for value in values]  # type: ignore[attr-defined]
            self._hash.update(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)).tobytes())
            self._hash.update(b"".join(encoded))
            return
        for value in values:
            self.value(name, value)

    def value(self, name: str, value: object) -> None:
        """Add one object: sets and mappings in the order of their items' own hashes, the rest as pickled."""
        kind = type(value).__name__
        if value is None or isinstance(value, str | bool | int | float | bytes | np.generic):
            plain = value.item() if isinstance(value, np.generic) else value
            self.text(f"{name}.{type(plain).__name__}", repr(plain))
        elif isinstance(value, np.ndarray):
            self.array(name, value)
        elif isinstance(value, list | tuple):
            self.text(f"{name}.{kind}", str(len(value)))
            self._objects(name, list(value))
        elif isinstance(value, set | frozenset | Mapping):
            items = value.items() if isinstance(value, Mapping) else value
            self.text(f"{name}.{kind}", ",".join(sorted(digest_of(item) for item in items)))
        elif is_tensor(value):
            self.features(name, value)
        else:
            self.text(f"{name}.{kind}", pickle.dumps(value, protocol=4).hex())

    def features(self, name: str, X: Features) -> None:
        """Add features in any form; the same numbers in another form are other content."""
        if is_tensor(X):
            import torch

            flat = X.detach().cpu().contiguous()
            self.text(f"{name}.tensor.{X.dtype}", str(tuple(X.shape)))
            self._hash.update(flat.reshape(-1).view(torch.uint8).numpy().data if flat.numel() else b"")
        elif is_frame(X):
            for text, key in frame_columns(X).items():
                self.array(f"{name}.frame.{text}", frame_column(X, key))
        elif is_series(X):
            self.array(f"{name}.series", as_vector(X, name))
        elif is_sparse(X):
            ordered = X.copy()
            ordered.sum_duplicates()
            for part in ("indptr", "indices", "data"):
                self.array(f"{name}.sparse{X.shape}.{part}", getattr(ordered, part))
        else:
            self.array(name, X)


def digest_of(item: object) -> str:
    """Hash of one object by its content, as 32 hexadecimal digits."""
    digest = Digest()
    digest.value("item", item)
    return digest.hexdigest()


def fingerprint_of(dataset: Dataset) -> str:
    """Hash of features, target, columns, ids, classes, clusters and positive class, as 32 hexadecimal digits."""
    digest = Digest()
    digest.features("X", dataset._features())
    vectors = {"y": dataset.y, "ids": dataset.ids, "classes": dataset.classes}
    columns = {f"column.{name}": dataset.columns[name] for name in dataset.columns}
    for name, values in (vectors | columns).items():
        if values is not None:
            digest.array(name, values)
    if dataset.cluster_codes is not None:
        # Codes are numbered in the origin: a slice and fresh data of the same content number them alike only here.
        digest.array("clusters", np.unique(dataset.cluster_codes, return_inverse=True)[1].astype(np.int64))
    digest.value("positive", dataset.positive)
    return digest.hexdigest()
