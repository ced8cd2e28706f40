import pytest

from vbench import config
from vbench.errors import InputError
from vbench.workloads import as_json, select

SHIPPED = config.workloads()


def chosen(globs: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> list[str]:
    return [workload.name for workload in select(SHIPPED, globs, tags)]


def test_nothing_chosen_is_everything_in_the_order_of_names() -> None:
    assert chosen() == sorted(workload.name for workload in SHIPPED)
    assert {"cpu.primes", "memory.bandwidth", "network.latency", "network.stream"} <= set(chosen())


def test_globs_and_tags_narrow_each_other() -> None:
    assert chosen(("disk.rand????", "disk.rand?????")) == ["disk.randread", "disk.randwrite"]
    assert chosen(("cpu.primes", "disk.randrea?")) == ["cpu.primes", "disk.randread"]
    assert chosen(("*.primes", "network.late*"), ("latency",)) == ["network.latency"]


@pytest.mark.parametrize(
    ("globs", "tags", "message", "remedy"),
    [
        (("cpu.prime",), (), "no workload 'cpu.prime'", "'cpu.primes'"),
        (("cpu.primes", "x*"), (), "no workload 'x*'", "cpu.primes"),
        ((), ("latncy",), "no tag 'latncy'", "'latency'"),
        (("cpu.primes",), ("exit-heavy",), "'cpu.primes' and tagged 'exit-heavy'", "vbench workloads"),
    ],
)
def test_a_choice_of_nothing_is_an_error(
    globs: tuple[str, ...], tags: tuple[str, ...], message: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        chosen(globs, tags)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_the_listing_has_the_form_that_other_programs_rely_on() -> None:
    listing = as_json(select(SHIPPED, ["disk.randread"]))
    assert listing["schema"] == "vbench.workloads/1"
    (row,) = listing["workloads"]
    assert list(row) == ["name", "version", "summary", "tags", "metrics"]
    assert row["name"] == "disk.randread"
    assert row["metrics"][0] == {"name": "iops", "unit": "1/s", "better": "higher"}
