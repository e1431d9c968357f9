"""The bounds that decide: arrays in, one-sided bounds out; no pytest, no model, no torch in sight."""
