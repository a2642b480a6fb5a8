"""One client for each engine: thin, with the engine's own always in reach as `.client`."""
