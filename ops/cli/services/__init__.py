"""The commands about a stack's servers: their containers, logs and addresses."""
