"""Backups of real servers, taken and brought back."""
