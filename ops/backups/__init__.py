"""Backups from the host's side: jobs in the stack's network, servers that are stopped and started around them."""
