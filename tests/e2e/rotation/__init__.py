"""Passwords of live stacks, changed and mistaken."""
