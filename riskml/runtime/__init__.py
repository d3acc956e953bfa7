"""What others embed: scoring, explaining and opening portable models with the standard library alone."""
