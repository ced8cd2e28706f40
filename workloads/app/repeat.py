"""Run a command again and again for some seconds and print how often per second it was done.

Run as `repeat.py SECONDS WORKERS COMMAND...`. Each worker has a scratch folder of its own, runs the command there at
least once, and its rate is over its own time, until the end of its last run; the rates are added up. A run that fails
ends it all with an error.
"""

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor


def work(command: list[str], seconds: float) -> float:
    """Return how often per second one worker ran the command."""
    runs = 0
    with tempfile.TemporaryDirectory() as folder:
        start = now = time.monotonic()
        while runs == 0 or now < start + seconds:
            subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            runs += 1
            now = time.monotonic()
    return runs / (now - start)


def main(seconds: float, workers: int, command: list[str]) -> None:
    """Print the rate of all workers together."""
    with ThreadPoolExecutor(workers) as pool:
        rates = list(pool.map(lambda _: work(command, seconds), range(workers)))
    sys.stdout.write(json.dumps({"rate": sum(rates), "workers": workers}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
