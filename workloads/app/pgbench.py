"""pgbench with the quantiles that it does not print.

pgbench.py HOST PORT SECONDS OPTION...      adds a JSON line to what pgbench prints; latencies in seconds
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"
MICROSECONDS = 2  # the column of a transaction log's line


def main(host: str, port: str, seconds: str, options: list[str]) -> None:
    """Run the transactions and read what each of them took from pgbench's log."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        at = ["--host", host, "--port", port, "--username", "postgres"]
        log = ["--log", f"--log-prefix={folder}/log"]
        done = subprocess.run([PGBENCH, *at, "--time", seconds, *log, *options, "postgres"], check=False)
        if done.returncode:
            sys.exit(done.returncode)  # it has said why
        lines = [line.split() for file in Path(folder).iterdir() for line in file.read_text().splitlines()]
    times = sorted(int(line[MICROSECONDS]) / 1e6 for line in lines)
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    sys.stdout.write(json.dumps({"latency_p50": p50, "latency_p99": p99}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
