"""A job: its input, environment, limits, output, deadline, and what it leaves behind."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.agent.process import HELLO, Process, alive, gone, soon, with_words
from vbench.agent.jobs import BEAT, WATCH_LIMIT
from vbench.errors import JobError
from vbench.targets.pipe import OUTPUT_LIMIT, Pipe

PYTHON = sys.executable
HUGE = 2 * 10**6


def test_a_job_gets_its_input_environment_and_folder(pipe: Pipe, tmp_path: Path) -> None:
    script = 'cat; echo "$A|$(env | grep -c ^HOME)"; pwd; echo aside >&2; exit 7'
    outcome = pipe.exec(["sh", "-c", script], stdin="in\n", env={"A": "ä b", "PATH": os.defpath}, cwd=str(tmp_path))
    assert outcome.stdout == f"in\nä b|0\n{tmp_path}\n"
    assert outcome.stderr == "aside\n"
    assert (outcome.status, outcome.signal, outcome.timed_out, outcome.ok) == (7, None, False, False)
    assert outcome.complaint() == "exited with 7: aside"


def test_a_job_without_input_finds_its_stdin_empty(pipe: Pipe) -> None:
    assert pipe.exec(["cat"]).ok


def test_input_larger_than_a_pipe_holds_arrives_whole(pipe: Pipe) -> None:
    assert pipe.exec(["sh", "-c", "sleep 0.2; wc -c"], stdin="ü" * HUGE).stdout.strip() == str(2 * HUGE)


def test_a_job_that_takes_no_input_is_not_disturbed_by_it(pipe: Pipe) -> None:
    assert pipe.exec(["true"], stdin="x" * HUGE).ok
    assert pipe.exec(["true"]).ok


def test_bytes_that_are_no_utf8_come_back_exactly(pipe: Pipe) -> None:
    everything = bytes(range(256)) * 3
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 3)"
    outcome = pipe.exec([PYTHON, "-c", script])
    assert outcome.stdout.encode("utf-8", "surrogateescape") == everything
    assert pipe.exec(["cat"], stdin=outcome.stdout).stdout == outcome.stdout


def test_a_complaint_is_printable(pipe: Pipe) -> None:
    outcome = pipe.exec(["printf", r"\033[31mred\377\r\n"])
    assert outcome.complaint().isprintable()
    assert "red" in outcome.complaint()
    outcome.complaint().encode()


def test_output_is_bounded_and_counted(pipe: Pipe) -> None:
    script = f"import sys; sys.stdout.write('o' * {HUGE}); sys.stderr.write('e' * {HUGE + 1})"
    reply = pipe.request("exec", 60, argv=[PYTHON, "-c", script], output=1000)
    assert (reply["stdout"], reply["stdout_total"]) == ("o" * 1000, HUGE)
    assert (reply["stderr"], reply["stderr_total"]) == ("e" * 1000, HUGE + 1)
    assert len(pipe.exec([PYTHON, "-c", script]).stdout) == OUTPUT_LIMIT


def test_limits_are_set_and_read_back(pipe: Pipe) -> None:
    outcome = pipe.exec(["sh", "-c", "ulimit -n; ulimit -c"], limits={"nofile": 77, "core": 0})
    assert outcome.stdout.split() == ["77", "0"]
    with pytest.raises(JobError, match=r"RLIMIT_NONSENSE"):
        pipe.exec(["true"], limits={"nonsense": 1})


def test_a_deadline_ends_the_whole_session_of_a_job(pipe: Pipe) -> None:
    outcome = pipe.exec(["sh", "-c", "echo early; sleep 4711.1 & sleep 4711.2"], timeout=0.5)
    assert (outcome.timed_out, outcome.status, outcome.signal) == (True, None, signal.SIGKILL)
    assert outcome.stdout == "early\n"
    assert outcome.wall >= 0.5
    assert outcome.complaint() == "ran past its deadline: early"
    assert gone("sleep 4711")


def test_the_deadline_does_not_wait_for_a_stream_to_close(pipe: Pipe) -> None:
    """A daemon of the job's holds its stdout: the job is over when its process is."""
    outcome = pipe.exec(["sh", "-c", "setsid sleep 4712.1 & echo $!"], timeout=60)
    assert outcome.ok
    assert gone("sleep 4712")


def test_a_job_that_a_signal_ends_says_which(pipe: Pipe) -> None:
    outcome = pipe.exec(["sh", "-c", "kill -SEGV $$"])
    assert (outcome.status, outcome.signal) == (None, signal.SIGSEGV)
    assert outcome.complaint() == "was ended by signal 11"


def test_orphans_that_hide_in_sessions_of_their_own_are_swept(pipe: Pipe) -> None:
    script = "for i in 1 2 3; do setsid sh -c 'setsid sleep 4713.1 & sleep 4713.2' & done; sleep 0.3"
    assert pipe.exec(["sh", "-c", script]).ok
    assert gone("sleep 4713")


def test_a_program_that_is_not_there_is_a_jobs_error_and_the_agent_goes_on(pipe: Pipe) -> None:
    with pytest.raises(JobError, match=r"FileNotFoundError.*no-such-program"):
        pipe.exec(["no-such-program"])
    with pytest.raises(JobError, match=r"NotADirectoryError|FileNotFoundError"):
        pipe.exec(["true"], cwd="/no/such/folder")
    assert pipe.exec(["true"]).ok


def test_counters_are_read_around_the_job(pipe: Pipe, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("1")
    flood = tmp_path / "flood"
    flood.write_text("x" * (WATCH_LIMIT + 1))
    names = [str(counter), str(flood), str(tmp_path / "missing")]
    outcome = pipe.exec(["sh", "-c", 'echo 2 > "$1"', "sh", str(counter)], watch=names)
    assert outcome.before == {names[0]: "1", names[1]: "x" * WATCH_LIMIT, names[2]: None}
    assert outcome.after[names[0]] == "2\n"


def test_resource_usage_is_the_jobs_own(pipe: Pipe) -> None:
    busy = pipe.exec([PYTHON, "-c", "import time\nwhile time.process_time() < 0.5: pass"])
    idle = pipe.exec(["sleep", "0.1"])
    assert busy.rusage["utime"] + busy.rusage["stime"] >= 0.5
    assert idle.rusage["utime"] + idle.rusage["stime"] < 0.5
    assert idle.wall >= 0.1
    assert idle.host_wall >= idle.wall


def test_beats_come_while_a_job_runs(process: Process) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ok"]
    process.stdin.write(b'{"id": 5, "op": "exec", "argv": ["sleep", "%.1f"]}\n' % (2.5 * BEAT))
    process.stdin.flush()
    lines = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert [line.get("beat") for line in lines] == [1, 2, None]
    assert {line["id"] for line in lines} == {5}
    assert lines[-1]["ok"]


def test_the_hosts_end_ends_a_running_job(process: Process) -> None:
    Pipe(process, "agent").hello(HELLO)
    assert process.stdin is not None
    process.stdin.write(b'{"id": 1, "op": "exec", "argv": ["sh", "-c", "setsid sleep 4714.1 & sleep 4714.2"]}\n')
    process.stdin.flush()
    assert soon(lambda: len(with_words("sleep 4714")) >= 2)
    process.stdin.close()
    process.wait(60)
    assert soon(lambda: not with_words("sleep 4714"))
    assert not alive(process.pid)
