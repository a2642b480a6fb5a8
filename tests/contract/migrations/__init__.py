"""Migrations on real engines: one contract for all of them, and faults."""
