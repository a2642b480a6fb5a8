"""`./karen doctor`: everything that may keep a stack from working, each with the command that mends it."""
