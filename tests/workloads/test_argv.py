import pytest

from vbench.errors import InputError
from vbench.workloads import expand

VALUES = {"cpus": 2, "seconds": 10, "work": "/tmp/a b; rm"}  # noqa: S108 - nothing is made there


def test_each_element_is_filled_in_by_itself_and_no_shell_sees_it() -> None:
    assert expand(["run", "{work}/x", "{cpus}x{seconds}", ""], VALUES) == ("run", "/tmp/a b; rm/x", "2x10", "")  # noqa: S108


def test_a_value_that_looks_like_a_placeholder_is_left_alone() -> None:
    assert expand(["{work}"], VALUES | {"work": "{cpus}"}) == ("{cpus}",)


def test_two_braces_are_one_brace() -> None:
    assert expand(["{{print $1}}", "{{{cpus}}}", "{{cpus}}"], VALUES) == ("{print $1}", "{2}", "{cpus}")


@pytest.mark.parametrize("element", ["{", "}", "a{b", "{{{", "{cpus}}"])
def test_a_lone_brace_is_an_error(element: str) -> None:
    with pytest.raises(InputError) as caught:
        expand([element], VALUES)
    assert element in caught.value.message
    assert "'{{'" in caught.value.remedy


@pytest.mark.parametrize("element", ["{cpsu}", "{}", "{cpus!r}", "{cpus:>3}", "{0}", "{cpus.real}"])
def test_an_unknown_placeholder_is_an_error_that_names_it(element: str) -> None:
    with pytest.raises(InputError) as caught:
        expand([element], VALUES)
    assert f"'{element}'" in caught.value.message
