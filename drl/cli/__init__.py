"""`drl`: one subcommand for each rule of the pipeline. Parses, calls, reports errors; no logic."""
