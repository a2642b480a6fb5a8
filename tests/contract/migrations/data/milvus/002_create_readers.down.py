"""Removes the contract's readers. This file is read as a literal and never executed."""

REMOVE = ["readers_v001"]
