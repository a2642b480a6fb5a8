"""Removes the contract's loans. This file is read as a literal and never executed."""

REMOVE = ["loans_v001"]
