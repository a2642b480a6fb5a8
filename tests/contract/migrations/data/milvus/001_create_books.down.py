"""Removes the contract's books. This file is read as a literal and never executed."""

REMOVE = ["books_v001"]
