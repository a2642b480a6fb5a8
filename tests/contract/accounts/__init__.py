"""Accounts on real servers: what each may do, and how its password is changed."""
