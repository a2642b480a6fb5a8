"""`./karen upgrade`: an engine's data brought into a new volume, which the next major version writes; the old one is kept."""
