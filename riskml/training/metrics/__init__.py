"""Performance measures as pure functions of arrays."""
