"""The container that makes sets by itself, and keeps PostgreSQL's log between them."""
