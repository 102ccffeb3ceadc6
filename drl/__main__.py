"""`python -m drl`, which is what the rules call."""

import sys

# The folder in which it is called: a random.py that lies there is not Python's. `drl` itself is found already.
if not sys.flags.safe_path:
    del sys.path[0]

from drl.jobs.preloaded import become_or_ask

# It returns in the process that is to run the command: usually this one.
become_or_ask()

from drl.cli.start import start  # noqa: E402

start()
