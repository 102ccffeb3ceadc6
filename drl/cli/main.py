"""Running the command line: bad input becomes one line and an exit code."""

from __future__ import annotations

import sys

import click
from click.exceptions import ClickException, Exit

# Imported for the commands that they add.
from drl.cli import by_hand, drawing, measuring, training  # noqa: F401
from drl.cli.group import cli
from drl.errors import Unfinished, UserError

STOPPED = 75  # EX_TEMPFAIL: the state is saved, the same command goes on


def main() -> None:
    """Run the command line; bad input becomes one line and exit code 2."""
    try:
        cli(standalone_mode=False)
    except UserError as error:
        fail(str(error), 2)
    except ClickException as error:
        fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted", 130)
    except Exit as error:
        sys.exit(error.exit_code)
    except Unfinished as error:
        fail(str(error), STOPPED)
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}; mend that and run again", 2)


def fail(message: str, code: int) -> None:
    """Print one line and exit."""
    print(f"drl: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
