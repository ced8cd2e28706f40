"""hackbench again and again for some seconds: hackbench.py SECONDS. Stdlib only, Python 3.8 and later.

One run is a fixed piece of work, small enough for a nested guest and too small to time on its own: its clock has steps
of a millisecond. Prints a JSON object.
"""

import json
import re
import subprocess
import sys
import time

LOOPS = 50
MESSAGES = 20 * 20 * LOOPS  # of one run: twenty senders, each to twenty receivers
TIME = re.compile(r"^Time: ([0-9.]+)$", re.MULTILINE)


def once() -> float:
    """Return the seconds of one run, without the making of its processes."""
    argv = ["hackbench", "-g", "1", "-l", str(LOOPS), "-s", "100"]  # its long options are broken in rt-tests 2.4
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = TIME.search(done.stdout)
    if done.returncode or not found:
        sys.exit(f"hackbench exited with status {done.returncode}: {' '.join(done.stderr.split())}")
    return float(found[1])


def main() -> None:
    """Measure and print."""
    end = time.monotonic() + float(sys.argv[1])
    runs = [once()]
    while time.monotonic() < end:
        runs.append(once())
    sys.stdout.write(json.dumps({"runs": len(runs), "rate": MESSAGES * len(runs) / sum(runs)}) + "\n")


if __name__ == "__main__":
    main()
