"""What applications store and read, by subject; `protocols` says what each can do, whatever stands behind it."""
