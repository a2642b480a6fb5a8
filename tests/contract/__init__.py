"""Tests against real images and engines."""
