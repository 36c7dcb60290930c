"""`python -m photo51.cli` is the `photo51` command."""

from photo51.cli import main

main()
