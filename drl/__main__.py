"""`python -m drl`, which is what the rules call."""

import sys

# The folder in which it is called: a random.py that lies there is not Python's. `drl` itself is found already.
if not sys.flags.safe_path:
    del sys.path[0]

from drl.cli.main import main

main()
