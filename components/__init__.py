"""The resource graph: settings, one component per engine, and the stack that knows their order."""
