"""Running migrations: one lock, one plan, one record for every engine."""
