"""SQLite by Python's own module.

sqlite.py insert FILE SECONDS        one row a transaction, synchronous to the disk
sqlite.py select :memory: SECONDS    the sum over a hundred rows, found by an index
Each prints a JSON object: how many were done, the rate per second, the latencies in seconds.
"""

import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable

ROWS = 20_000
RANGE = 100
TABLE = "CREATE TABLE IF NOT EXISTS ledger (id INTEGER PRIMARY KEY, account INTEGER, amount REAL, note TEXT)"
INDEX = "CREATE INDEX IF NOT EXISTS by_account ON ledger (account)"
INSERT = "INSERT INTO ledger (account, amount, note) VALUES (?, ?, ?)"
SELECT = "SELECT sum(amount) FROM ledger WHERE account BETWEEN ? AND ?"


def insert(base: sqlite3.Connection) -> Callable[[int], object]:
    """Return what commits one row; the journal is SQLite's usual one, deleted at each commit."""
    base.execute("PRAGMA synchronous = FULL")
    return lambda account: base.execute(INSERT, (account, account / 7, f"for {account:060}"))


def select(base: sqlite3.Connection) -> Callable[[int], object]:
    """Fill the table and return what asks for the sum from an account on."""
    base.execute("BEGIN")
    base.executemany(INSERT, ((account, account / 7, f"for {account:060}") for account in range(ROWS)))
    base.execute("COMMIT")
    return lambda account: base.execute(SELECT, (account, account + RANGE - 1)).fetchone()


def main(kind: str, file: str, seconds: float) -> None:
    """Do it with random accounts, the same ones each time, until the time is over."""
    base = sqlite3.connect(file, isolation_level=None)
    base.execute(TABLE)
    base.execute(INDEX)
    work = {"insert": insert, "select": select}[kind](base)
    chance = random.Random(1)  # noqa: S311 - a choice of rows, not a secret
    clock = time.perf_counter
    times = []
    begin = now = clock()
    while now < begin + seconds:
        account = chance.randrange(ROWS - RANGE)
        start = clock()
        work(account)
        now = clock()
        times.append(now - start)
    rate = len(times) / (now - begin)
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    answer = {"done": len(times), "rate": rate, "latency_p50": p50, "latency_p99": p99}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
