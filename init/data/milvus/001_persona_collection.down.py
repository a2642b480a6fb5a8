"""Removes what 001_persona_collection.py has made. This file is read as a literal and never executed."""

REMOVE = ["persona_embeddings_v001"]
