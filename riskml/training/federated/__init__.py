"""One model of several hospitals that may not share rows: what each may send, and how a coordinator adds it up."""
