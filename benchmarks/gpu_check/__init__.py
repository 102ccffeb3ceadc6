"""One command for the first GPU: what works there, and how fast. See `python -m benchmarks.gpu_check --help`."""
