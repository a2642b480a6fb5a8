"""What every stack's resources have to keep to: rules over the declared graph, in the tests and in a preview. Pure."""
