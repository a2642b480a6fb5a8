"""The rules, each broken and kept."""
