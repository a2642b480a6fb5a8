"""Loading data in bulk, one file per engine, by the means that the engine's own tools use; streamed, whatever its size."""
