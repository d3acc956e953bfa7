"""Parts of an evaluation beside its measures: each answers one question a reviewer asks."""
