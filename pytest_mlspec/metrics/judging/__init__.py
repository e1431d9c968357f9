"""Judging: fold the members, decide, say what would settle it, count the listed cases."""
