"""Sets and what is in them, without servers."""
