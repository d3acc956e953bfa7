"""Results in, pages out: computes nothing and never sees an estimator."""
