"""Memories made agree again: PostgreSQL's rows say what there is, documents and vectors follow."""
