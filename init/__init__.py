"""Initialization: migrations and seeds for every engine, run in the stack's network by the toolbox image."""
