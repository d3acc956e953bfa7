"""Side-by-side measurements behind the numbers in README and docs; never part of the test run."""
