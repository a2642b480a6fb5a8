"""Watching a stack from inside its network: checks, recovery, alerts and metrics."""
