"""What the doctor finds: on trees made for it, on junk, on nothing, and on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vbench.model import Fact
from vbench.run.quiet.activity import Activity, between, moment
from vbench.run.quiet.examine import examine, findings
from vbench.run.quiet.finding import SEVERITIES, Finding
from vbench.run.quiet.heat import heat
from vbench.run.quiet.processes import neighbours, processes
from vbench.run.quiet.rules import RULES, judged
from vbench.run.quiet.watched import watched
from vbench.store.snapshot import load

CPU = "sys/devices/system/cpu"
MM = "sys/kernel/mm"
STAT = "cpu  {user} 0 0 {idle} 0 {irq} 0 {steal} 0 0\nintr {intr} 1 2\nctxt {ctxt}\n"
CALM = {
    f"{CPU}/online": "0-3",
    f"{CPU}/isolated": "2-3",
    f"{CPU}/nohz_full": "2-3",
    f"{CPU}/smt/active": "0",
    f"{CPU}/smt/control": "off",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpufreq/policy0/scaling_governor": "performance",
    f"{CPU}/intel_pstate/no_turbo": "1",
    f"{CPU}/cpuidle/current_driver": "none",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "0",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/devices/system/node/online": "0",
    "sys/class/thermal/thermal_zone0/temp": "45000",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "100000",
    f"{MM}/transparent_hugepage/enabled": "always [madvise] never",
    f"{MM}/transparent_hugepage/defrag": "always defer defer+madvise [madvise] never",
    f"{MM}/ksm/run": "0",
    f"{MM}/hugepages/hugepages-2048kB/nr_hugepages": "512",
    f"{MM}/hugepages/hugepages-2048kB/free_hugepages": "512",
    "proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2400.000\n\nprocessor\t: 1\ncpu MHz\t\t: 2400.000\n",
    "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 15000000 kB\n",
    "proc/swaps": "Filename Type Size Used Priority\n",
    "proc/loadavg": "0.01 0.02 0.00 1/100 1234",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1",
    "proc/sys/kernel/numa_balancing": "0",
    "proc/sys/kernel/nmi_watchdog": "0",
    "proc/sys/vm/compaction_proactiveness": "0",
}
LOUD = {
    f"{CPU}/isolated": "",
    f"{CPU}/smt/active": "1",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil",
    f"{CPU}/intel_pstate/no_turbo": "0",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "7",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet",
    "sys/devices/system/node/online": "0-1",
    "sys/class/thermal/thermal_zone0/temp": "97000",
    f"{MM}/transparent_hugepage/enabled": "[always] madvise never",
    f"{MM}/transparent_hugepage/defrag": "[always] defer defer+madvise madvise never",
    f"{MM}/ksm/run": "1",
    "proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2400.000\n\nprocessor\t: 1\ncpu MHz\t\t: 3600.000\n",
    "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 500000 kB\n",
    "proc/swaps": "Filename Type Size Used Priority\n/swapfile file 1000 500 -2\n",
    "proc/loadavg": "8.00 8.00 8.00 1/100 1234",
    "proc/pressure/cpu": "some avg10=0.00 avg60=60.00 avg300=0.00 total=1",
    "proc/sys/kernel/numa_balancing": "1",
    "proc/sys/kernel/nmi_watchdog": "1",
    "proc/sys/vm/compaction_proactiveness": "20",
}
WORSE = {
    "cpu.isolated": "note",
    "cpu.smt": "disturbs",
    "cpu.governor": "disturbs",
    "cpu.turbo": "disturbs",
    "cpu.throttled": "note",
    "cpu.heat": "severe",
    "cpu.frequency": "note",
    "kernel.clocksource": "severe",
    "kernel.load": "severe",
    "kernel.pressure.cpu": "severe",
    "kernel.nmi_watchdog": "disturbs",
    "memory.numa_nodes": "note",
    "memory.thp": "disturbs",
    "memory.thp_defrag": "disturbs",
    "memory.ksm": "disturbs",
    "memory.available": "severe",
    "memory.swap_used": "note",
    "memory.numa_balancing": "disturbs",
    "memory.compaction": "note",
}


def tree(root: Path, *layers: dict[str, str]) -> Path:
    for layer in layers:
        for path, text in layer.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{text}\n")
    return root


def found_in(root: Path) -> dict[str, Finding]:
    first = moment(root)
    found = findings(load(root), between(first, moment(root)), root)
    named = {one.what: one for one in found}
    assert len(named) == len(found)
    return named


def process(
    root: Path, pid: int, name: str, *, parent: int = 1, ticks: int = 0, start: int = 9, nspid: str = ""
) -> None:
    fields = ["S", str(parent), *["0"] * 9, str(ticks), "0", *["0"] * 6, str(start), "0"]
    text = {f"proc/{pid}/stat": f"{pid} ({name}) {' '.join(fields)}", f"proc/{pid}/status": f"NSpid:\t{nspid or pid}"}
    tree(root, text)


def test_every_kind_of_noise_is_told_from_quiet(tmp_path: Path) -> None:
    calm, loud = found_in(tree(tmp_path / "calm", CALM)), found_in(tree(tmp_path / "loud", CALM, LOUD))
    assert {what: loud[what].severity for what in WORSE} == WORSE
    assert {what: calm[what].severity for what in WORSE if what in calm} == dict.fromkeys(
        set(WORSE) - {"memory.compaction"}, "fine"
    )
    assert [one.what for one in calm.values() if one.severity in ("severe", "disturbs", "note")] == []


def test_what_disturbs_has_a_fix_and_says_whether_it_can_be_taken_back(tmp_path: Path) -> None:
    loud = found_in(tree(tmp_path, CALM, LOUD))
    disturbing = [one for one in loud.values() if one.severity in ("severe", "disturbs")]
    assert disturbing
    assert all(one.fix and "\n" not in one.fix for one in disturbing if one.what != "cgroup.cpu_limit")
    assert all(
        (one.reversible is None) == (not one.fix) for one in loud.values() if not one.what.startswith("platform")
    )
    assert loud["cpu.isolated"].reversible is False
    tunable = {"cpu.governor", "cpu.turbo", "memory.thp", "memory.thp_defrag", "memory.ksm", "memory.numa_balancing"}
    assert {one.what for one in loud.values() if one.tunable} == tunable | {"kernel.nmi_watchdog", "memory.compaction"}


def test_a_knob_whose_fact_looks_elsewhere_is_found(tmp_path: Path) -> None:
    sized = f"{MM}/transparent_hugepage/hugepages-64kB/enabled"
    found = found_in(tree(tmp_path, CALM, {sized: "[always] inherit madvise never"}))["memory.thp"]
    assert (found.severity, found.value, found.source, found.tunable) == ("disturbs", "always", f"/{sized}", True)


def test_where_nothing_can_be_read_nothing_is_fine(tmp_path: Path) -> None:
    found = found_in(tmp_path)
    assert {one.severity for one in found.values()} == {"unknown"}
    assert all(one.value == "unknown" for one in found.values())
    assert {rule.fact for rule in RULES} <= set(found)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    junk=st.dictionaries(st.sampled_from(sorted([*CALM, "proc/stat", "proc/diskstats", "proc/1/stat"])), st.binary())
)
def test_junk_in_any_file_raises_nothing(tmp_path: Path, junk: dict[str, bytes]) -> None:
    tree(tmp_path, CALM)
    for path, content in junk.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert all(one.severity in SEVERITIES for one in found_in(tmp_path).values())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.fact)
@pytest.mark.parametrize("value", ["unknown", "not-permitted"])
def test_a_fact_that_is_not_known_is_never_fine(rule: object, value: str) -> None:
    fact = rule.fact  # type: ignore[attr-defined]
    found = {one.what: one for one in judged({fact: Fact(fact, value)})}
    assert found[fact].severity == "unknown"
    assert ("root" in found[fact].fix) == (value == "not-permitted")


def test_a_kernel_without_a_governor_is_no_quiet_one() -> None:
    found = {one.what: one for one in judged({"cpu.governor": Fact("cpu.governor", "none")})}
    assert found["cpu.governor"].severity == "unknown"


def test_what_others_do_is_the_difference_of_two_looks(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/stat": STAT.format(user=100, idle=900, irq=0, steal=5, intr=1000, ctxt=5000)})
    tree(tmp_path, {"proc/vmstat": "pswpin 0\npswpout 10", "proc/diskstats": "254 0 vda 1 0 0 0 0 0 0 0 0 1000 0"})
    process(tmp_path, 50, "busy (one)", ticks=100)
    process(tmp_path, 51, "idle", ticks=100)
    process(tmp_path, 53, "old", ticks=500)
    first = moment(tmp_path)
    tree(tmp_path, {"proc/stat": STAT.format(user=150, idle=920, irq=10, steal=25, intr=1500, ctxt=5100)})
    tree(tmp_path, {"proc/vmstat": "pswpin 4\npswpout 16", "proc/diskstats": "254 0 vda 1 0 0 0 0 0 0 0 0 1200 0"})
    process(tmp_path, 50, "busy (one)", ticks=150)
    process(tmp_path, 52, "new", ticks=20)
    process(tmp_path, 53, "its heir", ticks=10, start=99)
    last = moment(tmp_path)
    seen = between(first, type(last)(first.at + 2.0, last.cpu, last.counts, last.disks, last.processes))
    assert (seen.busy, seen.steal, seen.interrupting) == pytest.approx((0.6, 0.2, 0.1))
    assert (seen.interrupts, seen.switches, seen.swapped, seen.disk) == pytest.approx((250, 50, 5, 0.1))
    assert seen.throttled is None
    assert [(name, pid) for name, pid, _ in seen.busiest] == [("busy (one)", 50), ("new", 52), ("its heir", 53)]
    assert [share for _, _, share in seen.busiest] == pytest.approx([0.25, 0.1, 0.05])


@pytest.mark.parametrize(
    ("guest", "stolen", "severity"),
    [("yes", 0, "unknown"), ("yes", 3, "fine"), ("no", 0, "fine"), ("unknown", 0, "unknown")],
)
def test_no_steal_is_an_answer_only_where_it_would_be_told(guest: str, stolen: int, severity: str) -> None:
    seen = Activity(1.0, 0.0, 0.0, stolen, 0.0, 1.0, 1.0, 0.0, 0, 0.0, ())
    found = {one.what: one for one in watched(seen, {"platform.is_guest": Fact("platform.is_guest", guest)})}
    assert found["now.steal"].severity == severity


def test_guests_and_containers_of_others_are_seen(tmp_path: Path) -> None:
    process(tmp_path, 1, "init", parent=0)
    process(tmp_path, 10, "qemu-system-x86")
    process(tmp_path, 11, "some-monitor")
    (tmp_path / "proc/11/fd").mkdir()
    (tmp_path / "proc/11/fd/9").symlink_to("anon_inode:kvm-vcpu:0")
    process(tmp_path, 12, "nginx", nspid="12\t1")
    process(tmp_path, 13, "worker", parent=12, nspid="13\t7")
    process(tmp_path, os.getpid(), "python3", parent=20)
    process(tmp_path, 20, "kvm", parent=1)  # what started us is ours
    process(tmp_path, 4194305, "qemu-kvm", parent=os.getpid())  # and so is what we started
    found = [(one.kind, one.pid) for one in neighbours(tmp_path, processes(tmp_path))]
    assert found == [("guest", 10), ("guest", 11), ("container", 12)]


def test_neighbours_that_may_be_hidden_are_unknown(tmp_path: Path) -> None:
    process(tmp_path, 7, "sleep")  # /proc without process 1: hidepid, or not ours
    hidden = found_in(tmp_path)
    assert hidden["neighbours.guests"].severity == hidden["neighbours.containers"].severity == "unknown"
    process(tmp_path, 1, "init", parent=0)
    shown = found_in(tmp_path)
    assert shown["neighbours.guests"].severity == shown["neighbours.containers"].severity == "fine"
    process(tmp_path, 9, "irqbalance")
    assert found_in(tmp_path)["irq.balance"].severity == "note"


def test_heat_is_judged_by_the_nearest_trip_point(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone{}/{}"
    for number, kind, now, limit in ((0, "critical", 60, 100), (1, "passive", 80, 90), (2, "active", 80, 81)):
        tree(tmp_path, {zone.format(number, "temp"): f"{now}000", zone.format(number, "trip_point_0_type"): kind})
        tree(tmp_path, {zone.format(number, "trip_point_0_temp"): f"{limit}000"})
    assert (heat(tmp_path).value, heat(tmp_path).severity) == (10.0, "disturbs")


def test_a_container_that_runs_on_this_machine_is_found() -> None:
    argv = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sleep", "60"]
    with subprocess.Popen(argv, start_new_session=True) as child:
        try:
            inside = _await_child(child.pid)
            script = (
                "from pathlib import Path; from vbench.run.quiet.processes import neighbours, processes;"
                "print([one.pid for one in neighbours(Path('/'), processes(Path('/')))])"
            )
            # asked by a process that is no ancestor of the container: one of ours would be left out
            asked = subprocess.run(
                ["setsid", "--fork", "--wait", sys.executable, "-c", script], capture_output=True, text=True, check=True
            )
        finally:
            child.kill()
    assert inside in json.loads(asked.stdout)


def _await_child(pid: int) -> int:
    while True:
        for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if "sleep" in Path(f"/proc/{text}/comm").read_text():
                return int(text)


def test_work_on_this_machine_shows_in_the_counters() -> None:
    root = Path("/")
    first = moment(root)
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as child:
        try:
            last = moment(root)
            while (burner := last.processes.get(child.pid)) is None or burner.seconds == 0:
                last = moment(root)
        finally:
            child.kill()
    seen = between(first, last)
    assert seen.busy is not None
    assert seen.busy > 0
    assert burner.ours
    assert child.pid not in {pid for _, pid, _ in seen.busiest}


def test_this_machine_is_examined_truly() -> None:
    found = {one.what: one for one in examine(0.1)}
    assert len(found) > len(RULES)
    assert found["memory.numa_balancing"].severity != "unknown" or not Path("/proc/sys/kernel").exists()
    thp = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if thp.exists():
        assert f"[{found['memory.thp'].value}]" in thp.read_text()
    assert found["memory.available"].severity != "unknown"
    assert all(one.why for one in found.values())
