"""An engine brought to its next major version on a live production stack."""
