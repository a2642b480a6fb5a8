"""How failures are told apart and met: kinds of errors by engine, trying again, leaving an engine alone."""
