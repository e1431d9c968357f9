"""Has a file come back as it was written? Two digests: one for arrays, as fast as memory, one for what is unpickled."""

import hashlib
from collections.abc import Iterable

import numpy as np

__all__ = ["BLOCK", "array_digest", "block_mark", "digest_of_marks", "strong_digest"]

_WORDS = 1 << 14
BLOCK = 8 * _WORDS
"""Bytes of one block: it stays in the processor's cache while its mark is taken."""
_SHIFT = np.uint64(29)
# Odd, so that a change of one word always changes the mark; fixed, because a mark is compared with a stored one.
_FACTORS = (
    np.random.Generator(np.random.PCG64(20150601)).integers(0, 2**63, _WORDS, dtype=np.uint64) << np.uint64(1)
) | (np.uint64(1))


def strong_digest(data: bytes | memoryview) -> str:
    """Give the BLAKE2b digest of a file that will be unpickled."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def array_digest(data: np.ndarray) -> str:
    """Give a digest of bytes that will only ever be numbers: it finds damage, it does not resist forgery.

    Each block of 128 KiB gives one mark, the sum of its 64-bit words times fixed odd factors modulo 2^64, each word
    first mixed with its own upper bits; the marks and the length go through BLAKE2b. Any change within one word of a
    block is found, any other damage but for a chance of the order of 2^-64 (a multilinear hash).

    Args:
        data: one-dimensional array of bytes.

    Source:
        Carter & Wegman 1979, J. Comput. Syst. Sci. 18; Dietzfelbinger 1996 (multilinear hashing modulo 2^w).

    Example:
        >>> zeros = np.zeros(1000, np.uint8)
        >>> flipped = zeros.copy()
        >>> flipped[7] = 1
        >>> array_digest(zeros) == array_digest(flipped)
        False
    """
    return digest_of_marks((block_mark(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)), len(data))


def block_mark(block: np.ndarray) -> int:
    """Give the mark of at most `BLOCK` bytes; a last word that is cut short counts as filled up with zeros."""
    whole = len(block) // 8 * 8
    mark = _mark(block[:whole].view(np.uint64))
    if whole < len(block):
        last = np.zeros(8, np.uint8)
        last[: len(block) - whole] = block[whole:]
        mark += _mark(last.view(np.uint64)) * 3
    return mark % 2**64


def digest_of_marks(marks: Iterable[int], n_bytes: int) -> str:
    """Give the digest of a file of `n_bytes` bytes from the marks of its blocks, in order."""
    hashed = hashlib.blake2b(n_bytes.to_bytes(8, "little"), digest_size=32)
    for mark in marks:
        hashed.update(mark.to_bytes(8, "little"))
    return hashed.hexdigest()


def _mark(words: np.ndarray) -> int:
    mixed = words >> _SHIFT
    mixed ^= words
    return int(np.dot(mixed, _FACTORS[: len(words)]))
