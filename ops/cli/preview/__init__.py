"""`./karen preview`: what an update would do, grouped by risk, with the rules that it would break."""
