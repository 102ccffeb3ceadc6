"""Running one job: device, locks, time limits, progress, and what survives an interruption."""
