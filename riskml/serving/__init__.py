"""The HTTP service: verified bundles behind a small, strict, quiet door."""
