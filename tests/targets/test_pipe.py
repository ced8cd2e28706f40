"""What a hostile or broken peer gets: a named error with its last words, never a hang, a crash or a lie."""

import pytest

from tests.targets.conftest import Peer
from vbench.errors import JobError, TargetError
from vbench.run.jobs import clock_warnings
from vbench.targets import pipe as pipes

SECONDS = 1.0
LONG = 60.0
FLOOD = "\nwhile True: os.write(1, b'x' * 65536)"

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("time.sleep(600)", "said no hello within 1 s"),
        ("sys.exit(3)", "died: its pipe is closed"),
        ("os.close(1); time.sleep(600)", "died: its pipe is closed"),
        ("hello(digest='0' * 64); time.sleep(600)", "runs another agent ('000000000000')"),
        ("say(id=0, ok=True); time.sleep(600)", "runs another agent ('None')"),
        ("hello(digest=['\\x1b[31m', {}]); time.sleep(600)", r"runs another agent ("),
        ("hello(ok=False); time.sleep(600)", "said no hello within 1 s"),
        ("hello(id=1); time.sleep(600)", "said no hello within 1 s"),
        ("os.write(1, b'[' * 100000 + b'\\n' + b'[]\\n7\\n'); time.sleep(600)", "said no hello within 1 s"),
        ("while True: os.write(1, b'noise\\n' * 1000)", "floods its pipe with something that is no hello"),
        (FLOOD, "floods its pipe"),
    ],
    ids=[
        "silent", "dead", "closed", "other-digest", "no-digest", "digest-of-another-kind", "unwilling", "other-id",
        "garbage", "noise-in-lines", "noise-without-end",
    ],
)  # fmt: skip
def test_no_hello(peer: Peer, script: str, what: str) -> None:
    pipe = peer(script)
    with pytest.raises(TargetError) as caught:
        pipe.hello(LONG if "flood" in what or "died" in what else SECONDS)
    assert caught.value.message.startswith(f"The target 'fake' {what}")
    assert caught.value.message.isprintable()
    assert ("noise" if "noise" in script else "last words") in caught.value.console


def test_chatter_before_the_hello_is_kept_as_last_words(peer: Peer) -> None:
    pipe = peer("os.write(1, b'SeaBIOS\\r\\nLoading \\x1b[2Jkernel\\n'); hello(); time.sleep(600)")
    assert pipe.hello(LONG)["ok"]
    assert "SeaBIOS" in pipe.console.last()
    assert "Loading [2Jkernel" in pipe.console.last()


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("time.sleep(600)", "gave no answer to 'exec' within 1 s"),
        ("while True: say(id=1, beat=1)", "gave no answer to 'exec' within 1 s"),
        ("while True: os.write(1, b' '); time.sleep(0.01)", "gave no answer to 'exec' within 1 s"),
        ("os.write(1, b'{\"id\": 1, \"ok\": true'); time.sleep(600)", "gave no answer to 'exec' within 1 s"),
        ("sys.exit(0)", "died: its pipe is closed"),
        ("os.write(1, b'Segmentation fault\\n')", "speaks garbage on its pipe"),
        ("os.write(1, b'[' * 100000 + b'\\n')", "speaks garbage on its pipe"),
        ("os.write(1, b'[1]\\n')", "speaks garbage on its pipe"),
        ("os.write(1, bytes(range(128, 256)) + b'\\n')", "speaks garbage on its pipe"),
        ("os.write(1, b'1' * 10000 + b'\\n')", "speaks garbage on its pipe"),
        ("say(**{**DONE, 'id': 7})", "answered a question that was not asked ('exec')"),
        ("say(**DONE)", "answered a question that was not asked ('exec')"),
        ("say(**{**DONE, 'id': [1]})", "answered a question that was not asked ('exec')"),
    ],
    ids=[
        "hangs", "beats-for-ever", "dribbles", "half-an-answer", "dies", "a-word", "nested", "a-list", "no-utf8",
        "a-long-number", "another-id", "no-id", "a-list-as-id",
    ],
)  # fmt: skip
def test_no_answer(peer: Peer, monkeypatch: pytest.MonkeyPatch, script: str, what: str) -> None:
    monkeypatch.setattr(pipes, "GRACE", 0.0)
    pipe = peer(f"hello(); hear()\n{script}\ntime.sleep(600 * ('died' not in sys.argv))")
    pipe.hello(LONG)
    with pytest.raises(TargetError) as caught:
        pipe.exec(["true"], timeout=SECONDS)
    assert caught.value.message == f"The target 'fake' {what}."
    assert "last words" in caught.value.console


def test_garbage_is_shown_among_the_last_words(peer: Peer) -> None:
    pipe = peer("hello(); hear(); os.write(1, b'\\x1b[31mSegmentation fault\\n'); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError) as caught:
        pipe.exec(["true"])
    assert caught.value.console.endswith("[31mSegmentation fault")


def test_it_hangs_at_its_third_answer(peer: Peer) -> None:
    pipe = peer("hello()\nfor n in 1, 2: hear(); say(**{**DONE, 'id': n})\ntime.sleep(600)")
    pipe.hello(LONG)
    assert pipe.exec(["true"]).ok
    assert pipe.exec(["true"]).ok
    with pytest.raises(TargetError, match="gave no answer to 'hello' within 1 s"):
        pipe.greet(SECONDS)


def test_an_answer_without_end_is_cut_off(peer: Peer) -> None:
    pipe = peer(f"hello(); hear(){FLOOD}")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match="'fake' floods its pipe"):
        pipe.exec(["true"], timeout=LONG)
    assert len(pipe._buffer) <= pipes.LINE_LIMIT + 2**20


@pytest.mark.parametrize(
    "changes",
    [
        "{'status': 'zero'}", "{'status': []}", "{'status': 1e999}", "{'signal': {}}", "{'wall': None}",
        "{'wall': 'long'}",
        "{'wall': float('nan')}", "{'wall': float('inf')}", "{'wall': 10 ** 400}", "{'rusage': None}",
        "{'rusage': {'utime': 'long'}}", "{'rusage': {'utime': float('nan')}}", "{'before': 7}",
    ],
)  # fmt: skip
def test_an_answer_of_the_wrong_form(peer: Peer, changes: str) -> None:
    pipe = peer(f"hello(); hear(); say(**{{**DONE, 'id': 1, **{changes}}}); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match=r"^The target 'fake' gave an answer of the wrong form\.$"):
        pipe.exec(["true"], watch=["/proc/stat"])


def test_an_answer_that_lacks_something(peer: Peer) -> None:
    pipe = peer("hello()\nfor n in range(1, 5): hear(); say(id=n, ok=True)\ntime.sleep(600)")
    pipe.hello(LONG)
    for ask in (lambda: pipe.exec(["true"]), lambda: pipe.get("/etc/hostname")):
        with pytest.raises(TargetError, match="wrong form"):
            ask()
    with pytest.raises(TargetError, match="wrong form"):
        pipe.start(["true"], until="", timeout=LONG, env={}, cwd="/")
    with pytest.raises(TargetError, match="runs another agent"):
        pipe.greet(LONG)


def test_only_what_was_asked_for_is_kept_of_an_answer(peer: Peer) -> None:
    more = (
        "{'before': {'/proc/stat': 'x' * 2**22, '/etc/shadow': 'y'}, 'rusage': {'utime': 1, 'nonsense': 2}, 'more': 3}"
    )
    pipe = peer(f"hello(); hear(); say(**{{**DONE, 'id': 1, 'stdout': 'z' * 2**22, **{more}}}); time.sleep(600)")
    pipe.hello(LONG)
    outcome = pipe.exec(["true"], watch=["/proc/stat"])
    assert outcome.before == {"/proc/stat": "x" * pipes.OUTPUT_LIMIT}
    assert outcome.after == {"/proc/stat": None}
    assert outcome.rusage == {"utime": 1.0}
    assert len(outcome.stdout) == pipes.OUTPUT_LIMIT


@pytest.mark.parametrize("data", ["7", "'ä'", "'a'", "None"])
def test_a_file_that_is_no_base64(peer: Peer, data: str) -> None:
    pipe = peer(f"hello(); hear(); say(id=1, ok=True, end=False, data={data}); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match="wrong form"):
        pipe.get("/etc/hostname")


def test_a_file_that_never_grows_nor_ends(peer: Peer) -> None:
    pipe = peer("hello()\nwhile True: say(id=hear()['id'], ok=True, end=False, data='')")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match="wrong form"):
        pipe.get("/etc/hostname")


def test_a_file_that_gives_more_than_was_asked_for_is_cut(peer: Peer) -> None:
    pipe = peer("hello()\nwhile True: say(id=hear()['id'], ok=True, end=False, data='QUJD' * 1000)")
    pipe.hello(LONG)
    assert pipe.get("/etc/hostname", limit=10) == b"ABCABCABCA"


def test_it_reads_no_more(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "GRACE", 0.0)
    pipe = peer("hello(); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match=r"^The target 'fake' takes no more input\.$"):
        pipe.exec(["true"], stdin="x" * 2**20, timeout=SECONDS)


def test_it_closes_its_end_for_reading(peer: Peer) -> None:
    pipe = peer("os.close(0); hello(); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(TargetError, match="'fake' died: its pipe is closed"):
        pipe.exec(["true"])


def test_its_refusal_is_the_jobs_error_in_printable_words(peer: Peer) -> None:
    pipe = peer("hello(); hear(); say(id=1, ok=False, error='\\x1b[31mno\\n' + 'x' * 1000); time.sleep(600)")
    pipe.hello(LONG)
    with pytest.raises(JobError) as caught:
        pipe.exec(["true"])
    assert caught.value.message.startswith("The agent in 'fake' could not do 'exec': [31mno xxx")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("wall", ["0.001", "-5.0", "1000.0"])
def test_it_lies_about_its_clock(peer: Peer, wall: str) -> None:
    pipe = peer(f"hello(); hear(); time.sleep(1); say(**{{**DONE, 'id': 1, 'wall': {wall}}}); time.sleep(600)")
    pipe.hello(LONG)
    outcome = pipe.exec(["true"])
    assert outcome.host_wall >= 1
    assert clock_warnings(outcome)[0].startswith(f"clock: the job took {float(wall):.3f} s by the target's clock and ")


def test_its_last_words_are_bounded_and_printable(peer: Peer) -> None:
    pipe = peer("for n in range(20000): os.write(2, b'line %d \\x1b[2J\\xff\\n' % n)\nhello(); hear()")
    pipe.hello(LONG)
    with pytest.raises(TargetError) as caught:
        pipe.greet(LONG)
    lines = caught.value.console.splitlines()
    assert lines[-1].startswith("line 19999 [2J")
    assert len(lines) == pipes.LAST_LINES
    assert all(line.isprintable() for line in lines)
    assert len(pipe.console._tail) <= pipes.CONSOLE_LIMIT
