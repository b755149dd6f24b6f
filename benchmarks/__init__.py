"""Each measures ours against a peer in one run and prints a ratio: `python -m benchmarks.NAME [--quick]`."""
