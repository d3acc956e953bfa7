"""Files in: a cohort file becomes a typed, checked Cohort."""
