"""Recipes, learners, honest evaluation and training."""
