"""Removes what 002_memory_collection.py has made. This file is read as a literal and never executed."""

REMOVE = ["memory_embeddings_v001"]
