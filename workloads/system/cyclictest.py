"""How late a real-time process is woken by its timer: cyclictest.py SECONDS. Stdlib only, Python 3.8 and later.

cyclictest prints every lateness; its own histogram has steps of a microsecond, and no quantiles. Prints a JSON object,
in seconds.
"""

import json
import re
import subprocess
import sys

ARGV = "cyclictest --priority=80 --mlockall --default-system --verbose --nsecs --interval=1000"
WAKEUP = re.compile(r"^ *\d+: *\d+: *(\d+)$", re.MULTILINE)  # thread, number, nanoseconds
LEAST = 100  # fewer have no 99th percentile


def once(seconds: str) -> "list[int]":
    """Return the nanoseconds by which each wake-up came too late."""
    done = subprocess.run([*ARGV.split(), f"--duration={seconds}"], capture_output=True, text=True, check=False)
    late = [int(found) for found in WAKEUP.findall(done.stdout)]
    if done.returncode or not late:
        sys.exit(f"cyclictest exited with status {done.returncode}: {' '.join(done.stderr.split())}")
    return late


def main() -> None:
    """Measure, again where there were too few wake-ups, and print."""
    late = once(sys.argv[1])
    while len(late) < LEAST:
        late += once(sys.argv[1])
    late.sort()
    answer = {
        "wakeups": len(late),
        "latency_mean": sum(late) / len(late) / 1e9,
        "latency_p50": late[len(late) // 2] / 1e9,
        "latency_p99": late[len(late) * 99 // 100] / 1e9,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
