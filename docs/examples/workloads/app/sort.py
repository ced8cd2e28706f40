"""Sort the same numbers over and over. Any program will do that prints a number which a pattern or JSON path finds.

sort.py write FILE COUNT        lays out the file
sort.py sort FILE SECONDS       prints the figures
"""

import random
import sys
import time
from pathlib import Path


def write(path: Path, count: int) -> None:
    """Write so many numbers, the same ones everywhere."""
    numbers = random.Random(1)  # noqa: S311 - the same numbers everywhere are the point
    path.write_text("".join(f"{numbers.random()}\n" for _ in range(count)))


def sort(path: Path, seconds: float) -> None:
    """Print the median time of a sort, and the sorts per second."""
    numbers = [float(line) for line in path.read_text().splitlines()]
    times: list[float] = []
    while sum(times) < seconds:
        begin = time.perf_counter()
        sorted(numbers)
        times.append(time.perf_counter() - begin)
    sys.stdout.write(f"median: {sorted(times)[len(times) // 2] * 1e3:.6f} ms\n")
    sys.stdout.write(f"sorts per second: {len(times) / sum(times):.6f}\n")


if __name__ == "__main__":
    do = {"write": write, "sort": sort}[sys.argv[1]]
    do(Path(sys.argv[2]), int(sys.argv[3]))
