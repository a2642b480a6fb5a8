"""200 small PostgreSQL migrations against `psql -1 -f` of the same statements in one file."""

import logging
