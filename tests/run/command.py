"""`vbench` in a process of its own, in a home of its own, with tiny workloads and targets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.agent.process import soon
from vbench.ledger import MARK, remaining, start_time

Done = subprocess.CompletedProcess[str]
Started = subprocess.Popen[str]
ROOT = Path(__file__).parents[2]
SECONDS = 300.0
WORKLOAD = """
name = "own.{name}"
version = 1
summary = "s"
measures = "m"
exercises = "e"
working_set = "w"
voids = "v"
source = "s"
needs = {needs}
[job]
argv = {argv}
timeout = {timeout}
"""
METRIC = """
[[metrics]]
name = "{name}"
unit = "1/s"
better = "higher"
pattern = '^{name} ([0-9.einfa-]+)$'
low = 1.0
high = 1000.0
"""


@dataclass(frozen=True)
class Home:
    """Everything that vbench keeps, below one folder."""

    folder: Path
    seconds: float = SECONDS  # that a command may take

    @classmethod
    def make(cls, folder: Path, images: Path) -> "Home":
        """Make a home in an empty folder; `images` is the store that it shares."""
        home = cls(folder)
        for path in (home.data, home.scratch, folder / "workloads" / "own"):
            path.mkdir(parents=True)
            path.chmod(0o755)
        (home.data / "images").symlink_to(images)
        return home

    @property
    def data(self) -> Path:
        return self.folder / "data" / "vbench"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def ledgers(self) -> Path:
        return self.folder / "state" / "vbench" / "ledgers"

    def environment(self, **more: str) -> dict[str, str]:
        kinds = {f"XDG_{kind.upper()}_HOME": str(self.folder / kind) for kind in ("data", "cache", "config", "state")}
        plain = {name: value for name, value in os.environ.items() if name not in ("VBENCH_USER", "SUDO_USER")}
        extra = {"VBENCH_SCRATCH": str(self.scratch), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        return {**plain, **kinds, **extra, **more}

    def workload(self, name: str, script: str, timeout: int = 60, metrics: Sequence[str] = ("rate",)) -> None:
        """Add the workload own.NAME, a shell script that says `METRIC NUMBER` for each of its metrics."""
        text = WORKLOAD.format(name=name, argv=json.dumps(["sh", "-c", script]), timeout=timeout, needs=[])
        text += "".join(METRIC.format(name=metric) for metric in metrics)
        (self.folder / "workloads" / "own" / f"{name}.toml").write_text(text)

    def targets(self, **argvs: Sequence[str]) -> None:
        """Write ./vbench.toml with targets of the user's own."""
        text = "".join(f"[target.{name}]\nargv = {json.dumps(list(argv))}\n" for name, argv in argvs.items())
        (self.folder / "vbench.toml").write_text(text)

    def vbench(self, *words: str, prefix: Sequence[str] = (), **environment: str) -> Done:
        """Run a command to its end."""
        argv = [*prefix, sys.executable, "-m", "vbench", *words]
        env = self.environment(**environment)
        return subprocess.run(
            argv, cwd=self.folder, env=env, capture_output=True, text=True, timeout=self.seconds, check=False
        )

    def run(
        self, *words: str, target: str = "bare", workload: str = "own.*", profile: str = "smoke", **more: str
    ) -> Done:
        """`vbench run` with the workloads of this home."""
        return self.vbench(*self._run(words, target, workload, profile), **more)

    def start(
        self, *words: str, target: str = "bare", workload: str = "own.*", profile: str = "smoke", **more: str
    ) -> Started:
        """The same, not waited for; its stderr goes to a file."""
        argv = [sys.executable, "-m", "vbench", *self._run(words, target, workload, profile)]
        with self.said.open("w") as said:
            return subprocess.Popen(
                argv,
                cwd=self.folder,
                env=self.environment(**more),
                stdout=said,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def _run(self, words: Sequence[str], target: str, workload: str, profile: str) -> list[str]:
        chosen = ["--target", target, "--workload", workload, "--profile", profile]
        return ["run", *chosen, "--workload-dir", str(self.folder / "workloads"), *words]

    @property
    def said(self) -> Path:
        return self.folder / "said"

    def bundles(self) -> list[Path]:
        return sorted((self.data / "runs").glob("*"))

    def lines(self, name: str = "samples.jsonl") -> list[dict[str, Any]]:
        """The whole lines of a file of the newest run."""
        bundles = self.bundles()
        path = bundles[-1] / name if bundles else Path("/nowhere")
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def header(self) -> dict[str, Any]:
        """run.json of the newest run."""
        header = json.loads((self.bundles()[-1] / "run.json").read_text())
        assert isinstance(header, dict)
        return header

    def entries(self) -> list[dict[str, Any]]:
        """What is on the ledgers."""
        return [entry for path in sorted(self.ledgers.glob("*.jsonl")) for entry in remaining(path.read_text())]

    def await_samples(self, count: int, of: Started) -> None:
        """Wait until a run that goes on has taken so many samples."""
        assert soon(lambda: len(self.lines()) >= count or of.poll() is not None, SECONDS)
        assert of.poll() is None, self.said.read_text()

    def process_of(self, target: str) -> int:
        """The PID of a target's newest instance: instances are recorded in the order in which they are started."""
        targets = [instance["target"] for instance in self.lines("instances.jsonl")]
        started = [line["pid"] for line in self.started() if line.get("kind") == "process"]
        return int(started[1:][len(targets) - 1 - targets[::-1].index(target)])  # the first is the peer

    def started(self) -> list[dict[str, Any]]:
        """Every line of the ledgers, struck out or not."""
        return [json.loads(line) for path in self.ledgers.glob("*.jsonl") for line in path.read_text().splitlines()]


@contextmanager
def temporary_home(images: Path) -> Iterator[Home]:
    """An empty home that shares the workload image; a folder on a real disk that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vbtest-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield Home.make(folder, images)
    finally:
        shutil.rmtree(folder)


def interrupted(process: Started, number: signal.Signals) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    return process.wait(SECONDS)


def leftovers(home: Home, made: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is left of the entries that a ledger held, and whatever else carries our mark in this home."""
    left = [str(path) for path in home.scratch.glob("*")]
    left += [str(path) for path in home.ledgers.glob("*.jsonl")]
    for entry in made:
        if entry.get("kind") == "process" and start_time(entry["pid"]) == entry["start"] is not None:
            left.append(f"process {entry['pid']}")
        if entry.get("kind") == "netns" and Path("/run/netns", entry["name"]).exists():
            left.append(f"netns {entry['name']}")
        if entry.get("kind") in ("cgroup", "folder") and Path(entry["path"]).exists():
            left.append(entry["path"])
        if entry.get("kind") == "cgroups":
            left += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{entry['name']}")]
        if entry.get("kind") == "container":
            left += containers(entry["engine"])
    return left


def containers(engine: Sequence[str]) -> list[str]:
    """The containers of ours that an engine knows."""
    done = subprocess.run(
        [*engine, "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True, timeout=SECONDS
    )
    return [f"container {name}" for name in done.stdout.split() if name.startswith(MARK)]
