"""How late a sleeping process is woken by its timer: timer.py SECONDS. Stdlib only, Python 3.8 and later.

cyclictest prints every lateness; its own histogram has steps of a microsecond, and no quantiles. Prints a JSON object,
in seconds. Linux may let the timers of an ordinary process be 50 us late, to bundle them; that is switched off first.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

LEAST = 100  # fewer have no 99th percentile
WAKEUP = re.compile(r"^ *\d+: *\d+: *(\d+)$", re.MULTILINE)  # thread, number, nanoseconds
INTERVAL = 1000  # microseconds between two wake-ups


def lateness(seconds: str) -> "list[int]":
    """Return the nanoseconds by which each wake-up came too late, least first."""
    Path("/proc/self/timerslack_ns").write_text("1")  # a new process inherits it
    argv = ["cyclictest", "--policy=other", "--default-system", "--verbose", "--nsecs"]
    argv += [f"--interval={INTERVAL}", f"--duration={seconds}"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"cyclictest exited with status {done.returncode}")
    return sorted(int(late) for late in WAKEUP.findall(done.stdout))


def main() -> None:
    """Measure and print."""
    late = lateness(sys.argv[1])
    if len(late) < LEAST:
        sys.exit(f"only {len(late)} of {LEAST} wake-ups in {sys.argv[1]} s")
    answer = {
        "wakeups": len(late),
        "latency_mean": sum(late) / len(late) / 1e9,
        "latency_p50": late[len(late) // 2] / 1e9,
        "latency_p99": late[len(late) * 99 // 100] / 1e9,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
