"""Members and predictions that outlive a run: what names them, what they depend on, where they are stored."""
