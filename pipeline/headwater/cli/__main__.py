"""`python -m headwater.cli` is the command `headwater`."""

from headwater.cli import main

main()
