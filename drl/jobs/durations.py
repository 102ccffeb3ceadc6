"""Times as people read them."""

from __future__ import annotations

import math

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a time in short: `<1 s`, `20 s`, `14 min`, `1 h 50 min`, `37 h`, `23,700 h`; nan is `?`."""
    if math.isnan(seconds):
        return "?"
    if 0 < seconds < 1:
        return "<1 s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if round(seconds / MINUTE) < 60:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        hours, minutes = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{float(f'{seconds / HOUR:.3g}'):,.0f} h"
