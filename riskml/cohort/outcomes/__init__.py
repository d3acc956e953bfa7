"""A declared outcome (``features/outcomes.toml``) + Cohort -> Target: who counts, with which y, who is left out."""

from riskml.cohort.outcomes.build import build_target
from riskml.cohort.outcomes.target import Target

__all__ = ["Target", "build_target"]
