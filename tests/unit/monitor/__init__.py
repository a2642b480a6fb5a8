"""The monitor's own rules, without servers."""
