"""The recorded machines of other projects. They are no part of the repository: they lie beside its checkout."""

import importlib.util
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.probes.recorded import said

CHECKOUT = Path(__file__).parents[2]
MACHINES = CHECKOUT.parent / "shared" / "machines"


@pytest.mark.skipif(not MACHINES.is_dir(), reason=f"the recorded machines are not at '{MACHINES}'")
def test_99_percent_of_the_recorded_truth_and_95_in_every_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("check_probes", MACHINES / "check_probes.py")
    assert spec
    assert spec.loader
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:

        def probe(command: list[str], timeout: float) -> dict[str, set[str]]:
            """Stand in for the scorer's own, which starts a process for every machine."""
            try:
                code, out, err = pool.submit(said, command[1:]).result(timeout)
            except (TimeoutError, BrokenProcessPool) as error:
                raise scorer.Crash(repr(error)) from error
            if code != 0:
                raise scorer.Crash(f"exit {code}: {err[-200:]}")
            answers: dict[str, set[str]] = defaultdict(set)
            for fact in json.loads(out)["facts"]:
                answers[fact["key"]].add(scorer.plain(fact["value"]))
            return answers

        monkeypatch.setattr(scorer, "probe", probe)
        monkeypatch.setattr(sys, "argv", ["check_probes"])
        code = scorer.main()
    assert code == 0, capsys.readouterr().out
