"""Plans: how many cases and retrainings a requirement needs, worked out before anything is trained."""
