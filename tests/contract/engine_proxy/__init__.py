"""The proxy in front of the engine's socket, against the real engine."""
