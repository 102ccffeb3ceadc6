"""`python -m drl`, which is what the rules call."""

from drl.cli import main

main()
