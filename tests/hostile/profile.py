"""How many inputs the fuzz tests try: few in CI, many in `make fuzz`."""

import os


def examples(few: int) -> int:
    """Return the number of inputs: `few`, times DRL_FUZZ if it is set."""
    return few * int(os.environ.get("DRL_FUZZ", "1"))
