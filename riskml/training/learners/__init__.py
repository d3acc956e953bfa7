"""Learners: one file per family; each fits, and writes itself as a member of the portable model."""
