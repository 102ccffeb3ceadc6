"""Running one job: device, locks, time limits, progress, and the state that survives an interruption."""
