"""Time-bound redis-benchmark, which only knows a number of requests.

redis.py COMMAND HOST PORT SECONDS      COMMAND is get or set; prints a JSON object of the rate and the latencies
"""

import csv
import json
import subprocess
import sys

PILOT = 2000  # requests that tell how many fill the time, and warm the server up
KEYS = 10_000
BYTES = 100  # of one value
FILL = "for n = 0, ARGV[1] - 1 do redis.call('set', string.format('key:%012d', n), ARGV[2]) end return 'filled'"


def main(command: str, host: str, port: str, seconds: float) -> None:
    """Fill the keys, find the rate, and print what redis-benchmark says of so many seconds; latencies in seconds."""
    at = ["-h", host, "-p", port]
    if _said(["redis-cli", *at, "-e", "EVAL", FILL, "0", str(KEYS), "x" * BYTES]).strip() != "filled":
        sys.exit("the server did not take the keys")
    pilot = _benchmark(at, command, PILOT)
    result = _benchmark(at, command, max(PILOT, int(pilot["rps"] * seconds)))
    latencies = {f"latency_{name}": result[f"{name}_latency_ms"] / 1e3 for name in ("p50", "p99")}
    sys.stdout.write(json.dumps({"rate": result["rps"], **latencies}) + "\n")


def _benchmark(at: list[str], command: str, requests: int) -> dict[str, float]:
    """Return the columns of redis-benchmark's only line, without the name of the command."""
    load = ["-t", command, "-n", str(requests), "-r", str(KEYS), "-d", str(BYTES)]
    (row,) = csv.DictReader(_said(["redis-benchmark", *at, *load, "--csv"]).splitlines())
    return {name: float(value) for name, value in row.items() if name != "test"}


def _said(argv: list[str]) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
