"""The management CLI, `./karen`: commands for a person or a script, on a stack that is up."""
