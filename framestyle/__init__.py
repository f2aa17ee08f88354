"""framestyle."""
