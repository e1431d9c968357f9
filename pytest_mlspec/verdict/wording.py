"""Numbers in messages: shares, measured values, and limits as their author wrote them."""

from __future__ import annotations


def format_percent(share: float) -> str:
    """``0.95`` as ``95%``, ``0.999`` as ``99.9%``."""
    return f"{100 * share:.6g}%"


def format_value(number: float) -> str:
    """A measured number with three decimals, or three significant digits where three decimals hide it."""
    if not abs(number) < float("inf"):  # NaN, or a side without a bound
        return "none"
    if number == 0 or 0.0995 <= abs(number) < 1000 or abs(number) >= 0.01:
        return f"{number:.3f}" if abs(number) < 1000 else f"{number:.6g}"
    return f"{number:.2g}" if abs(number) < 0.001 else f"{number:.4f}"


def format_limit(limit: float) -> str:
    """A threshold as its author wrote it, with at least two decimals: ``0.1`` as ``0.10``, ``3`` as ``3``."""
    if isinstance(limit, int) or (float(limit).is_integer() and abs(limit) > 1):
        return f"{limit:g}"
    two = f"{limit:.2f}"
    return two if float(two) == limit else repr(float(limit))
