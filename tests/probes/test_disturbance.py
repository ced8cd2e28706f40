"""What makes numbers lie: limits, pages, clocks, load."""

from typing import Any

import pytest

from tests.probes.machines import fact, leaf, machine, value
from vbench.probes import facts

CPU = "/sys/devices/system/cpu/"
GROUP = "/sys/fs/cgroup"
V1 = "5:cpu,cpuacct:/a/b\n4:memory:/a\n0::/\n"


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        ({"/proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "50000 100000"}, 0.5, "unknown"),
        ({"/proc/self/cgroup": "0::/\n", f"{GROUP}/cgroup.controllers": "cpu memory"}, "none", "none"),
        ({f"{GROUP}/cpu.max": "max 100000", f"{GROUP}/memory.max": "max"}, "none", "none"),
        (
            {
                "/proc/self/cgroup": "0::/a/b\n",
                f"{GROUP}/a/b/cpu.max": "300000 100000",
                f"{GROUP}/a/cpu.max": "150000 100000",
                f"{GROUP}/a/b/memory.max": "max",
                f"{GROUP}/a/memory.max": "1048576",
            },
            1.5,
            1048576,
        ),
        (
            {
                "/proc/self/cgroup": V1,
                f"{GROUP}/cpu,cpuacct/a/b/cpu.cfs_quota_us": "20000",
                f"{GROUP}/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000",
                f"{GROUP}/memory/a/memory.limit_in_bytes": "4096",
            },
            0.2,
            4096,
        ),
        (
            {f"{GROUP}/cpu/cpu.cfs_quota_us": "-1", f"{GROUP}/memory/memory.limit_in_bytes": str(2**63 - 4096)},
            "none",
            "none",
        ),
        ({f"{GROUP}/cpu.max": "0 0", f"{GROUP}/memory.max": "-5"}, "unknown", "none"),
        ({}, "unknown", "unknown"),
    ],
)
def test_the_tightest_limit_on_the_way_up_counts(files: dict[str, str], cpus: Any, memory: Any) -> None:
    assert value(machine({**files}), "cgroup.cpu_limit") == cpus
    assert value(machine({**files}), "cgroup.memory_limit") == memory


@pytest.mark.parametrize(
    ("key", "files", "expected"),
    [
        (
            "cpu.governor",
            {CPU + "cpu0/cpufreq/scaling_governor": "performance", CPU + "cpu1/cpufreq/scaling_governor": "powersave"},
            "performance powersave",
        ),
        ("cpu.turbo", {CPU + "intel_pstate/no_turbo": "1"}, "no"),
        ("cpu.turbo", {CPU + "cpufreq/boost": "1"}, "yes"),
        ("cpu.smt", {CPU + "smt/active": "1", CPU + "smt/control": "on"}, "yes"),
        ("cpu.smt", {CPU + "cpu0/topology/thread_siblings_list": "0"}, "no"),
        ("cpu.count", {CPU + "online": "0-3,8"}, 5),
        ("cpu.count", {CPU + "online": "0-x", "/proc/cpuinfo": "processor : 0\n\nprocessor : 1\n"}, 2),
        ("cpu.isolated", {CPU + "isolated": "2-3"}, "2-3"),
        ("cpu.isolated", {"/proc/cmdline": "quiet isolcpus=1"}, "1"),
        (
            "cpu.throttled",
            {
                CPU + "cpu0/thermal_throttle/core_throttle_count": "3",
                CPU + "cpu1/thermal_throttle/core_throttle_count": "4",
            },
            7,
        ),
        ("cpu.mitigations", {"/proc/cmdline": "quiet mitigations=off -- mitigations=auto"}, "off"),
        ("cpu.mitigations", {"/proc/cmdline": "quiet"}, "auto"),
        ("cpu.vulnerability.meltdown", {CPU + "vulnerabilities/meltdown": "Mitigation: PTI\n"}, "Mitigation: PTI"),
        ("memory.thp", {"/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never"}, "madvise"),
        ("memory.ksm", {"/sys/kernel/mm/ksm/run": "1"}, "yes"),
        ("memory.total", {"/proc/meminfo": "MemTotal:       1024 kB\n"}, 1048576),
        ("memory.total", {"/proc/meminfo": "MemTotal: lots\n"}, "unknown"),
        ("memory.swap_used", {"/proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 100 7 -2\n"}, 7168),
        ("memory.numa_nodes", {"/sys/devices/system/node/online": "0-1"}, 2),
        (
            "memory.huge_pages.2048kB.node1",
            {"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages": "5"},
            5,
        ),
        ("kernel.clocksource", {"/sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"}, "hpet"),
        ("kernel.preemption", {"/proc/version": "Linux version 6.1 #1 SMP PREEMPT_RT Debian"}, "realtime"),
        (
            "kernel.preemption",
            {"/proc/version": "Linux version 6.1 #1 SMP PREEMPT_DYNAMIC", "/proc/cmdline": "preempt=none"},
            "none",
        ),
        ("kernel.release", {"/proc/version": "Linux version 6.1.0-18 (x) #1"}, "6.1.0-18"),
        ("kernel.steal", {"/proc/stat": "cpu  1 2 3 4 5 6 7 250 0 0\n"}, 2.5),
        ("kernel.steal", {"/proc/stat": "cpu  1 2 3\n"}, "unknown"),
        ("kernel.load", {"/proc/loadavg": "1.25 0.5 0.1 1/100 5\n"}, 1.25),
        ("kernel.io_uring", {"/proc/sys/kernel/io_uring_disabled": "2"}, "no"),
        ("kernel.pressure.cpu", {"/proc/pressure/cpu": "some avg10=0.00 avg60=12.50 avg300=0.00 total=5\n"}, 0.125),
        (
            "disk.scheduler",
            {
                "/sys/block/sda/queue/scheduler": "[none] mq-deadline",
                "/sys/block/sdb/queue/scheduler": "none [bfq]",
                "/proc/self/mountinfo": "22 1 8:17 / / rw - xfs /dev/sdb1 rw\n",
            },
            "bfq",
        ),
        ("disk.filesystem", {"/proc/self/mountinfo": "22 1 0:5 / / rw - overlay overlay rw\n"}, "overlay"),
        ("network.device.eth0.speed", {"/sys/class/net/eth0/speed": "1000"}, 125_000_000),
        ("isolation.capabilities", {"/proc/self/status": "CapEff:\t000001ffffffffff\n"}, "all"),
        ("isolation.capabilities", {"/proc/self/status": "CapEff:\t0000000000000000\n"}, "none"),
        ("isolation.seccomp", {"/proc/self/status": "Seccomp:\t2\n"}, "filter"),
        ("isolation.user_mapped", {"/proc/self/uid_map": "         0       1000          1\n"}, "yes"),
        ("isolation.user_mapped", {"/proc/self/uid_map": "         0          0 4294967295\n"}, "no"),
        (
            "isolation.user_namespaces",
            {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1", "/proc/sys/user/max_user_namespaces": "9"},
            "no",
        ),
    ],
)
def test_a_fact_and_its_file(key: str, files: dict[str, str], expected: Any) -> None:
    assert value(machine({**files}), key) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"/proc/self/cgroup": "0::/a\n", f"{GROUP}/a/io.max": "8:0 rbps=1048576 wbps=max\n"},
            "8:0 rbps=1048576 wbps=max",
        ),
        ({"/proc/self/cgroup": "0::/a\n", f"{GROUP}/a/io.max": "\n"}, "none"),
        (
            {"/proc/self/cgroup": "2:blkio:/b\n", f"{GROUP}/blkio/b/blkio.throttle.read_iops_device": "8:0 1000\n"},
            "8:0 1000",
        ),
        ({"/proc/self/cgroup": "2:blkio:/b\n", f"{GROUP}/blkio/blkio.throttle.read_iops_device": "\n"}, "none"),
        ({}, "unknown"),
    ],
)
def test_a_limit_on_input_and_output(files: dict[str, str], expected: str) -> None:
    assert value(machine({**files}), "cgroup.io_limit") == expected


def test_the_cpus_that_the_innermost_group_allows() -> None:
    files = {
        "/proc/self/cgroup": "0::/a\n",
        f"{GROUP}/a/cpuset.cpus.effective": "1",
        f"{GROUP}/cpuset.cpus.effective": "0-3",
    }
    assert value(machine({**files}), "cgroup.cpus") == "1"


@pytest.mark.parametrize("number", [1, 38])
def test_io_uring_is_tried_not_believed(number: int) -> None:
    snapshot = machine({"/proc/sys/kernel/io_uring_disabled": "0"}, io_uring={"errno": number})
    assert value(snapshot, "kernel.io_uring") == "no"
    assert value(machine(io_uring={"errno": 0}), "kernel.io_uring") == "yes"


def test_what_may_not_be_read_is_not_permitted_and_not_unknown() -> None:
    path = "/sys/kernel/security/lockdown"
    assert value(machine(errors={path: "EACCES"}), "kernel.lockdown") == "not-permitted"
    assert value(machine(errors={path: "EIO"}), "kernel.lockdown") == "unknown"


@pytest.mark.parametrize(
    ("maker", "index", "register", "expected"),
    [
        ("GenuineIntel", 0x1A0, 1 << 38, "no"),
        ("GenuineIntel", 0x1A0, 1 << 37, "yes"),
        ("AuthenticAMD", 0xC0010015, 1 << 25, "no"),
        ("AuthenticAMD", 0xC0010015, 0, "yes"),
    ],
)
def test_turbo_by_register_where_no_driver_tells(maker: str, index: int, register: int, expected: str) -> None:
    msr = [{"cpu": 0, "index": hex(index), "value": hex(register)}]
    snapshot = machine({"/proc/cpuinfo": f"vendor_id : {maker}\nflags : fpu\n"}, arch="x86_64", msr=msr)
    assert value(snapshot, "cpu.turbo") == expected


def test_a_member_with_an_odd_name_is_left_out() -> None:
    names = {"meltdown": "x", "\x1b[31mred": "x", "a b": "x", "n" * 200: "x"}
    found = facts(machine({f"{CPU}vulnerabilities/{name}": text for name, text in names.items()}))
    assert [one.key for one in found if one.key.startswith("cpu.vulnerability.")] == ["cpu.vulnerability.meltdown"]


def test_a_hybrid_has_cores_of_several_kinds() -> None:
    entries = [
        {**leaf(number, eax=eax), "cpu": cpu}
        for cpu, core in enumerate((0x40000001, 0x40000001, 0x20000001))
        for number, eax in ((0, 0x1F), (1, 0xB0671), (0x1A, core))
    ]
    assert value(machine(arch="x86_64", cpuid=entries), "cpu.kinds") == 2
    assert "pin" in str(fact(machine(arch="x86_64", cpuid=entries), "cpu.kinds").fix)
    little = "".join(
        f"processor : {n}\nCPU implementer : 0x41\nCPU part : {p}\n\n" for n, p in enumerate(("0xd46", "0xd4e"))
    )
    assert value(machine({"/proc/cpuinfo": little}, arch="aarch64"), "cpu.kinds") == 2
    assert value(machine(arch="x86_64"), "cpu.kinds") == "unknown"


def test_a_slow_clock_comes_with_its_mend() -> None:
    path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    assert "tsc" in str(fact(machine({path: "hpet"}), "kernel.clocksource").fix)
    assert fact(machine({path: "tsc"}), "kernel.clocksource").fix is None
