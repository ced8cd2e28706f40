"""What tools print, in the forms of their versions, with small numbers of our own."""

import json
from pathlib import Path
from typing import Any


def fio3(*ways: str, version: str = "fio-3.33", name: str = "randread", **about: Any) -> str:
    """Return fio's JSON since 2.99: nanoseconds, bytes."""
    busy = {
        "io_bytes": 4194304, "bw_bytes": 40960000, "bw": 40000, "iops": 10000.5, "total_ios": 1024,
        "clat_ns": {"mean": 90000.5, "percentile": {"50.000000": 80000, "99.000000": 200000, "99.900000": 900000}},
    }  # fmt: skip
    idle = {"io_bytes": 0, "bw_bytes": 0, "bw": 0, "iops": 0.0, "total_ios": 0, "clat_ns": {"mean": 0.0}}
    job = {"jobname": name, "error": 0, "job options": {"bs": "4k", "filename": "/dev/sdb"}}
    job |= {way: busy if way in ways else idle for way in ("read", "write", "trim")} | about
    return json.dumps({"fio version": version, "global options": {"rw": "randread"}, "jobs": [job]}, indent=2)


FIO_2_1 = """\
{
  "fio version" : "fio-2.1.11",
  "jobs" : [
    {
      "jobname" : "randread",
      "groupid" : 0,
      "error" : 0,
      "read" : {
        "io_bytes" : 262144,
        "bw" : 34952,
        "iops" : 8738.13,
        "runtime" : 7500,
        "clat" : {
          "min" : 60, "max" : 4800, "mean" : 111.43, "stddev" : 20.1,
          "percentile" : {
            "1.000000" : 70, "50.000000" : 108, "99.000000" : 195, "99.900000" : 402,
            "0.00" : 0,
            "0.00" : 0
          }
        }
      },
      "write" : { "io_bytes" : 0, "bw" : 0, "iops" : 0.00, "clat" : { "mean" : 0.00 } }
    }
  ]
}
"""
_PERCENTILES = "1.000000%=36;50.000000%=40;99.000000%=185;99.900000%=284" + ";0%=0" * 16
_READ = f"528;66000;16500;8;0;0;0.0;0.0;36;285;52.534129;40.640181;{_PERCENTILES};36;286;52.6;40.7;0;0;0.0%;0.0;0.0"
_IDLE = "0;0;0;0;0;0;0.0;0.0;0;0;0.0;0.0" + ";0%=0" * 20 + ";0;0;0.0;0.0;0;0;0.0%;0.0;0.0"
_V5 = ";0;0;0;0.0;0.0;0"
_REST = "1.4%;19.4%;123706;0;7313" + ";0.1%" * 29
TERSE = {
    "v2": f"2;randread;0;0;{_READ};{_IDLE};{_IDLE};{_REST}\n    A description of this job.\n",
    "v3": f"3;fio-3.7;randread;0;0;{_READ};{_IDLE};{_REST}\n",
    "v3 with disks": f"3;fio-2.2.10;randread;0;0;{_READ};{_IDLE};{_REST};vda;1;2;0;0;9;9;9;50.0%\n",
    "v3 with semicolons": f"3;fio-3.7;rand;read;0;0;{_READ};{_IDLE};{_REST};text; of a job\n",
    "v3 of a server": f"<lab7> 3;fio-3.7;randread;0;0;{_READ};{_IDLE};{_REST}\n",
    "v4": f"4;fio-3.33;randread;0;0;{_READ};{_IDLE};{_IDLE};{_REST}\n",
    "v5": f"5;fio-3.33;randread;0;0;{_READ}{_V5};{_IDLE}{_V5};{_IDLE}{_V5};{_REST}\n",
    "v3 after junk": f"fio: no shared mutexes here\n3;fio-3.7;randread;0;0;{_READ};{_IDLE};{_REST}\n",
}  # fmt: skip


def iperf3(end: str, version: str = "iperf 3.12", protocol: str = "TCP") -> str:
    """Return iperf3's JSON with this text as its end, tabs and all."""
    test = f'{{"protocol": "{protocol}", "num_streams": 1, "blksize": 131072, "duration": 10, "reverse": 0}}'
    return (
        f'{{\n\t"start":\t{{"version": "{version}", "test_start": {test}}},\n\t"intervals":\t[],\n\t"end":\t{end}\n}}\n'
    )


TCP = '{"sum_sent": {"bits_per_second": 9.6e9}, "sum_received": {"bits_per_second": 8e9}}'
UDP_OLD = '{"sum": {"bits_per_second": 1e7, "jitter_ms": 0.5, "lost_packets": 10, "packets": 100, "lost_percent": 10}}'
UDP_NEW = (
    '{"sum": {"bits_per_second": 1e7, "lost_packets": 10, "packets": 100}, "sum_received": '
    '{"bits_per_second": 9e6, "jitter_ms": 0.5, "lost_packets": 10, "packets": 100}}'
)
UDP_NAN = '{"sum": {"bits_per_second": 0, "jitter_ms": 0.5, "lost_packets": 0, "packets": 0, "lost_percent": -nan}}'
BIDIR_37 = '{"sum_sent": {}, "sum_received": {"bits_per_second": 8e9}, "sum_received": {"bits_per_second": 4e9}}'
BIDIR_312 = '{"sum_received": {"bits_per_second": 8e9}, "sum_received_bidir_reverse": {"bits_per_second": 4e9}}'


def _files(tool: str) -> dict[str, str]:
    """Return the texts of foreign/TOOL by what they are called."""
    return {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "foreign" / tool).glob("*.txt"))}


SYSBENCH, STRESS_NG, SEVEN_ZIP, OPENSSL = map(_files, ("sysbench", "stress-ng", "7z", "openssl"))
OPENSSL_MR = "+H:16:64:256\n+F:6:sha256:138268204.26:408242993.55:989488223.26\n"

PYTEST_BENCHMARK = json.dumps(
    {
        "machine_info": {"node": "lab7"},
        "version": "4.0.0",
        "benchmarks": [
            {
                "name": "test_sort[10]",
                "fullname": "tests/test_x.py::test_sort[10]",
                "params": {"n": 10},
                "options": {"timer": "perf_counter", "min_rounds": 5},
                "stats": {"median": 0.0025, "mean": 0.003, "min": 0.002},
            }
        ],
    },
    indent=4,
)
EVERY = [
    fio3("read"), FIO_2_1, iperf3(TCP), iperf3(UDP_OLD, protocol="UDP"), PYTEST_BENCHMARK, OPENSSL_MR,
    *TERSE.values(), *SYSBENCH.values(), *STRESS_NG.values(), *SEVEN_ZIP.values(), *OPENSSL.values(),
]  # fmt: skip
