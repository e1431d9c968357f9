"""Has a file come back as it was written? One digest for arrays, as fast as memory, one for what is unpickled."""

import hashlib

import numpy as np

__all__ = ["BLOCK", "Marker", "array_digest", "strong_digest"]

_ROW = 512
"""Words of one row: 4 KiB, what systems write at once."""
BLOCK = 256 * 8 * _ROW
"""Bytes of one block: it stays in the processor's cache while it is marked."""


def strong_digest(data: bytes | memoryview) -> str:
    """Give the BLAKE2b digest of a file that will be unpickled."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def array_digest(data: np.ndarray) -> str:
    """Give a digest of bytes that will only ever be numbers: it finds damage, it does not resist forgery.

    Each block of 1 MiB is a table of 256 rows of 512 words; the sums of its rows (modulo 2^64), the exclusive or of its
    columns and the length of all go through BLAKE2b. Any change within one row is found, as are rows and blocks that
    were lost, repeated or put in another place. What escapes changes several rows and leaves the sum of each and every
    column as they were: for random content a chance of the order of 2^-64.

    Args:
        data: one-dimensional array of bytes.

    Source:
        Elias 1954, Trans. IRE PGIT 4 (parities of the rows and columns of a table).

    Example:
        >>> zeros = np.zeros(1000, np.uint8)
        >>> flipped = zeros.copy()
        >>> flipped[7] = 1
        >>> array_digest(zeros) == array_digest(flipped)
        False
    """
    marker = Marker()
    for at in range(0, len(data), BLOCK):
        marker.add(data[at : at + BLOCK])
    return marker.digest()


class Marker:
    """Takes the digest of `array_digest` block by block, each of `BLOCK` bytes but the last."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        self._n_bytes = 0

    def add(self, block: np.ndarray) -> None:
        """Take the next block; a last row that is cut short counts as filled up with zeros."""
        whole = len(block) // (8 * _ROW) * (8 * _ROW)
        self._mark(block[:whole])
        if whole < len(block):
            last = np.zeros(8 * _ROW, np.uint8)
            last[: len(block) - whole] = block[whole:]
            self._mark(last)
        self._n_bytes += len(block)

    def digest(self) -> str:
        """The digest of all blocks so far."""
        found = self._hash.copy()
        found.update(self._n_bytes.to_bytes(8, "little"))
        return found.hexdigest()

    def _mark(self, rows: np.ndarray) -> None:
        table = rows.view(np.uint64).reshape(-1, _ROW)
        self._hash.update(np.add.reduce(table, axis=1).data)
        self._hash.update(np.bitwise_xor.reduce(table, axis=0).data)
