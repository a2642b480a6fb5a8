"""Tests of the audit: no engine, real files, processes and updates."""
