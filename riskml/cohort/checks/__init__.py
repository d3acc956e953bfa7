"""Checks that catch real mistakes in data that can be read: each finding says where, how many and what to do."""
