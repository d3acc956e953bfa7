"""A finished bundle on patients it has not seen: comparable, still right, and if not, how to update it."""
