"""Scripts that print measured figures; see README.md."""
