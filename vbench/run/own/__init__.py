"""What the user brings to a run: a command line, or a suite of pytest-benchmark, as ordinary workloads in memory."""
