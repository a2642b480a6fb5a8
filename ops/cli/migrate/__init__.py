"""`./karen migrate`."""
