"""Backups of real stacks, restored."""
