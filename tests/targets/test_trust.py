"""What is in a target is hostile: it ends as a named outcome, and reaches neither our memory nor our network."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.agent.process import soon
from tests.run.command import SECONDS, Home, leftovers
from tests.targets.conftest import PRELUDE, Peer
from tests.targets.entering import ROOT, Bench, ask
from tests.targets.hostile import gateways, listeners_of, listening, memory_for, own_addresses
from vbench.errors import TargetError
from vbench.targets import pipe as pipes
from vbench.targets.network import PEER

LONG = 60.0
MOST = 600 * 1024  # KiB
AS_ROOT = pytest.mark.skipif(not ROOT, reason="the network and podman need root")
# What a job does to the pipe of its own agent, where it can: garbage, or an answer in the agent's name.
GARBAGE = 'for end in /proc/$PPID/fd/*; do echo "$1" >"$end"; done 2>/dev/null; sleep 1'
FLOOD = "yes no & yes never >&2"
SCAN = """
import json, socket, sys
reached = []
for address, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((address, port), 1).close()
        reached.append(address)
    except OSError:
        pass
print(json.dumps(reached))
"""


@pytest.mark.parametrize(
    "script",
    [
        'os.write(1, b\'{"id": 0, "ok": tr\'); time.sleep(600)',
        "os.write(1, b'\\x00\\xff\\xfe\\n' * 100); time.sleep(600)",
        "while True: os.write(1, b'.'); time.sleep(0.05)",
    ],
    ids=["half-a-hello", "binary", "dribbles"],
)
def test_it_stalls_before_its_hello(peer: Peer, script: str) -> None:
    with pytest.raises(TargetError, match=r"^The target 'fake' said no hello within 1 s\.$"):
        peer(script).hello(1.0)


def test_an_answer_given_twice_does_not_answer_the_next_question(peer: Peer) -> None:
    pipe = peer("hello(); hear()\nfor _ in 1, 2: say(**{**DONE, 'id': 1})\nhear(); time.sleep(600)")
    pipe.hello(LONG)
    assert pipe.exec(["true"]).ok
    with pytest.raises(TargetError, match=r"answered a question that was not asked \('exec'\)"):
        pipe.exec(["true"])


@pytest.mark.parametrize("changes", ["{'status': 10 ** 400}", "{'status': -1}", "{'signal': 4000}"])
def test_it_tells_of_an_end_that_no_process_has(peer: Peer, changes: str) -> None:
    pipe = peer(f"hello(); hear(); say(**{{**DONE, 'id': 1, **{changes}}}); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match="gave an answer of the wrong form"):
        pipe.exec(["true"])


def test_a_file_that_comes_byte_by_byte_has_one_deadline(peer: Peer) -> None:
    pipe = peer("hello()\nwhile True: say(id=hear()['id'], ok=True, end=False, data='QQ=='); time.sleep(0.05)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match=r"sent no end of '/etc/hostname' within 1 s"):
        pipe.get("/etc/hostname", seconds=1.0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"x" * 65536, "floods its pipe"),
        (b"[]," * 20_000, "floods its pipe"),
        (b'{"beat": 1}\n' * 5000, "gave no answer to 'exec' within 2 s"),
        (b'{"beat": [' + b"[]," * 5_000_000 + b"[]]}\n", "gave no answer to 'exec' within 2 s"),
        (b"[" + b"{}," * 5_000_000 + b"{}]\n", "speaks garbage on its pipe"),
    ],
    ids=["a-line-without-end", "lists-without-end", "beats-without-end", "great-beats", "a-great-answer"],
)
def test_our_memory_is_bounded_whatever_it_says(tmp_path: Path, answer: bytes, said: str) -> None:
    (tmp_path / "answer").write_bytes(answer)
    file = str(tmp_path / "answer")
    flood = f"hello(); hear()\nanswer = open({file!r}, 'rb').read()\nwhile True: os.write(1, answer)"
    grown, complaint = memory_for(PRELUDE + flood, seconds=60.0 if "within" not in said else 2.0)
    assert said in complaint
    assert grown < MOST


@AS_ROOT
@pytest.mark.real
@pytest.mark.parametrize("name", ["bare", "nspawn", "podman"])
@pytest.mark.parametrize("forged", [False, True], ids=["garbage", "forged"])
def test_a_job_speaks_on_the_pipe_of_its_agent(bench: Bench, name: str, forged: bool) -> None:
    """One that forges an answer lies about itself, as it could in its output; it cannot lie about the next job."""
    answer = {"id": 1, "ok": True, "status": 0, "signal": None, "timed_out": False, "wall": 0.0, "stdout": "forged"}
    line = json.dumps({**answer, "stderr": "", "rusage": {}}) if forged else "[31mgarbage"
    with bench.enter(name) as instance:
        if forged:
            assert instance.pipe.exec(["sh", "-c", GARBAGE, "sh", line]).stdout == "forged"
        with pytest.raises(TargetError, match=f"'{name}' (speaks garbage|answered a question that was not asked)"):
            instance.pipe.exec(["sh", "-c", GARBAGE, "sh", line])


@AS_ROOT
@pytest.mark.real
def test_a_job_in_a_guest_floods_and_then_stops_its_agent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench.enter("kvm") as guest:
        flood = guest.pipe.exec(["sh", "-c", FLOOD], timeout=3)
        assert flood.timed_out
        assert len(flood.stdout) == len(flood.stderr) == pipes.OUTPUT_LIMIT
        ask(guest, "{ head -c 100000 /dev/urandom; echo; echo I am still here; } >/dev/ttyS0")
        assert soon(lambda: guest.pipe.console.last(1) == "I am still here")
        assert len(guest.pipe.console._tail) <= pipes.CONSOLE_LIMIT
        monkeypatch.setattr(pipes, "GRACE", 1.0)
        with pytest.raises(TargetError, match=r"^The target 'kvm' gave no answer to 'exec' within 3 s\.$"):
            guest.pipe.exec(["sh", "-c", "kill -STOP $PPID"], timeout=2)


@AS_ROOT
@pytest.mark.real
@pytest.mark.parametrize("name", ["bwrap", "nspawn", "podman", "kvm"])
def test_only_the_peer_can_be_reached(bench: Bench, name: str) -> None:
    network = bench.host.network
    assert network is not None
    with ExitStack() as stack:
        hosts = {address: stack.enter_context(listening(address)) for address in own_addresses()}
        ports = [*hosts.items(), *((gateway, 80) for gateway in gateways())]
        peer = (PEER, stack.enter_context(listening(PEER, network.peer)))
        scan = ["python3", "-c", SCAN, json.dumps([*ports, peer])]
        here = json.loads(subprocess.run(scan, capture_output=True, check=True).stdout)
        assert {*hosts} <= {*here}, "there is something to be reached"
        instance = stack.enter_context(bench.enter(name))
        outcome = instance.pipe.exec(scan)
        assert json.loads(outcome.stdout) == [PEER], "neither this host's addresses nor its gateway"
        assert not instance.pipe.exec(["ip", "route", "get", "192.0.2.1"]).ok, "there is no way out"


@AS_ROOT
@pytest.mark.real
def test_nothing_of_a_run_listens_where_others_reach_it(shared_home: Home) -> None:
    """While a server of the run listens in a namespace of its own: which shows that there was something to find."""
    shared_home.workload("fine", "echo rate 42")  # without one of its own there would be no folder of them
    with shared_home.start(target="podman,kvm", workload="network.latency") as run:
        whole = psutil.Process(run.pid)
        seen: list[str] = []

        def peer_listens() -> bool:
            processes = [whole, *whole.children(recursive=True)]
            seen.extend(listeners_of(processes))
            return bool(heard(run.pid))

        assert soon(peer_listens, SECONDS), shared_home.said.read_text()
        assert run.wait(SECONDS) == 0, shared_home.said.read_text()
    assert not seen
    assert {line["value"] is not None for line in shared_home.lines()} == {True}
    assert not leftovers(shared_home, [])


def heard(pid: int) -> str:
    """What listens in the namespace of a run's peer."""
    argv = ["ip", "netns", "exec", f"vbench-{pid}-peer", "ss", "--tcp", "--listening", "--no-header"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
