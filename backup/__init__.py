"""Sets of backups: taken from running engines, signed, encrypted, kept, checked and restored.

Data flows one way: an engine's part (`engines`) → compressed, encrypted and hashed (`parts`) → a target (`targets`) → one
signed manifest (`model`, `signing`, `sets`). Runs in the toolbox; the host imports only what shows and plans.
"""
