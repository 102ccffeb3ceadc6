"""The configuration: its settings, how files merge, and which settings each job gets."""
