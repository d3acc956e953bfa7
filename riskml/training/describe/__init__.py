"""The tables and curves of a cohort paper, as plain values."""
