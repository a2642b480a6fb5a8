"""Alerts: what is wrong now becomes notices, and notices reach people through channels."""
