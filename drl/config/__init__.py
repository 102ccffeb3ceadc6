"""The configuration: what may be set, how files merge, and what a job gets of it."""
