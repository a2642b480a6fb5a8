"""`./karen migrate` on a live stack."""
