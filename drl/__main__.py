"""`python -m drl`, which is what the rules call."""

from drl.cli.main import main

main()
