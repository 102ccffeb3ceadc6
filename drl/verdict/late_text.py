"""Text of the report that is written when the report is: captions, the facts below them, and opening pages.

Rules carry such texts in their parameter `text`, a mapping of caption, facts and page. Snakemake compares parameters by
their `repr`, which stays the same whatever was measured, so that a text never reruns a job. Jinja prints them by their
`str`, which imports and calls the function then, so that nothing heavy is imported before.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from drl.errors import UserError


class LateText:
    """A function that will write a text, and its arguments."""

    def __init__(self, module: str, function: str, *arguments: Any) -> None:
        """Take the function by its name.

        Args:
            module: Where it is defined.
            function: Its name.
            arguments: What it takes. Those that are not words, numbers or paths, such as the configuration, are no part
                of the `repr`.
        """
        self._module, self._function, self._arguments = module, function, arguments

    def __repr__(self) -> str:
        """Return the same whatever was measured."""
        plain = [str(value) for value in self._arguments if isinstance(value, str | int | Path)]
        return f"{self._function}({', '.join(map(repr, plain))})"

    def __str__(self) -> str:
        """Write the text."""
        return self.written()

    def written(self, *more: Any) -> str:
        """Write the text.

        Args:
            more: Arguments that are known only when the report is written, after the others.

        Raises:
            SystemExit: With code 2 and one line if a file is not as we write it. Snakemake would name another file.
        """
        try:
            function = getattr(importlib.import_module(self._module), self._function)
            return str(function(*self._arguments, *more))
        except UserError as error:
            print(f"drl: {error}", file=sys.stderr)
            raise SystemExit(2) from error
