"""Loading in bulk, on real servers."""
