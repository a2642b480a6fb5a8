"""`python -m ops.cli`, which `./karen` runs."""

from ops.cli.app import main

main()
