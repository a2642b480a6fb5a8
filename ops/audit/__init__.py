"""The audit: a record of who changed what on a stack, and when, in which a line that was edited, removed or moved is seen."""
