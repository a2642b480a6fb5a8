"""Removes the contract's reviews. This file is read as a literal and never executed."""

REMOVE = ["reviews_v001"]
