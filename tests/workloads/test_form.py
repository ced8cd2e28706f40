from collections.abc import Callable

import pytest

from tests.workloads.conftest import FILES, PATH, TEXT
from vbench.errors import InputError
from vbench.workloads import Workload, load

Spoil = Callable[..., Workload]


def test_a_whole_workload_is_read_as_it_stands(spoil: Spoil) -> None:
    workload = spoil()
    assert (workload.name, workload.family, workload.version) == ("app.sort", "app", 1)
    assert workload.prepare is not None
    assert workload.prepare.timeout == 10
    assert workload.job.argv == ("python3", "{work}/sort.py", "{data}/numbers", "{seconds}")
    assert workload.server is None
    assert workload.contents == {"sort.py": b"print()"}
    assert [(metric.name, metric.unit, metric.better, metric.tail) for metric in workload.metrics] == [
        ("duration", "s", "lower", False),
        ("rate", "1/s", "higher", False),
    ]


SERVER = '[server]\nargv = ["nc", "-l", "{port}"]\nuntil = "ready"\ntimeout = 5\n[job]'
INSIDE = SERVER.replace("[server]", '[server]\nwhere = "target"')


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("tags =", "tgas =", "no key 'tgas'", "'tags'"),
        ("timeout = 60", "timeuot = 60", "no key 'job.timeuot'", "'job.timeout'"),
        ("timeout = 10", "timeuot = 10", "no key 'prepare.timeuot'", "'prepare.timeout'"),
        ("scale =", "scael =", "no key 'metrics[0].scael'", "'metrics[0].scale'"),
        ("[prepare]", "[perpare]", "no key 'perpare'", "'prepare'"),
        ("version = 1\n", "", "'version' is missing", "'version'"),
        ("timeout = 60", "", "'job.timeout' is missing", "'timeout'"),
        ("version = 1", 'version = "1"', "'version' holds '1'", "valid integer"),
        ("version = 1", "version = 0", "'version' holds 0", "greater than 0"),
        ("version = 1", "version = 2026-11-20", "'version' holds '2026-11-20'", "valid integer"),
        ("timeout = 60", "timeout = true", "'job.timeout' holds True", "valid integer"),
        ('tags = ["example"]', 'tags = "example"', "'tags' holds 'example'", "array"),
        ('tags = ["example"]', "tags = [1]", "'tags[0]' holds 1", "valid string"),
        ('needs = ["disk"]', 'needs = ["disc"]', "'needs[0]' holds 'disc'", "'disk'"),
        ('unit = "s"', 'unit = "ms"', "'metrics[0].unit' holds 'ms'", "'s'"),
        ('better = "lower"', 'better = "less"', "'metrics[0].better' holds 'less'", "'lower'"),
        ("low = 1.0", "low = 0.0", "'metrics[1].low' holds 0.0", "greater than 0"),
        ("low = 1.0", "low = nan", "'metrics[1].low' holds nan", "greater than 0"),
        ("high = 1e6", "high = inf", "'rate' has no range", "low less than high"),
        ("high = 1e6", "high = 0.5", "'rate' has no range", "low less than high"),
        ("low = 1.0", "low = 1.0\nzero = 1", "'metrics[1].zero' holds 1", "valid boolean"),
        ("low = 1.0", "low = 1.0\nzero = true", "'rate' may be 0, and more of it is better", "lacking"),
        ("scale = 1e-3", "scale = inf", "'duration' has an infinite scale", "unit"),
        ("version = 1", "version = ", "is not TOML", "place named"),
        ("[job]", "[[job]]", "'job' holds", "object"),
        ('name = "app.sort"', 'name = "sort"', "'sort' is no name", "family.name"),
        ('name = "app.sort"', 'name = "app.search"', "calls its workload 'app.search'", "'app/search.toml'"),
        ('name = "duration"', 'name = "rate"', "'rate' is always in '1/s'", "another name"),
        ('name = "duration"', 'name = "Dur"', "'Dur' is no name", "small letters"),
        ('name = "rate"', 'name = "duration"', "'duration' is always in 's'", "another name"),
        ('better = "higher"', 'better = "lower"', "'rate' is always in '1/s', higher", "another name"),
        ("{seconds}", "{sconds}", "no placeholder '{sconds}'", "'{seconds}'"),
        ("{seconds}", "{seconds", "lone brace", "'{{'"),
        ("{seconds}", "\\u0000", "holds a NUL", "program"),
        ('["touch", "{data}/numbers"]', "[]", "'prepare.argv' holds []", "at least 1"),
        ('"touch"', '""', "names no program", "program"),
        ('needs = ["disk"]', "", "'{data}' wants 'disk'", "'needs'"),
        ("[job]", SERVER, "wants 'network'", "'needs'"),
        ("[job]", SERVER.replace("[job]", '[job]\nwhere = "peer"'), "no server is in the target", "where ="),
        ("[job]", INSIDE.replace("[job]", '[job]\nwhere = "peer"'), "The server wants 'network'", "'needs'"),
        ("[job]", '[job]\nwhere = "peer"', "no server is in the target", "where ="),
        ("[job]", '[job]\nwhere = "host"', "'job.where' holds 'host'", "'peer'"),
        ("[job]", SERVER.replace('until = "ready"\n', ""), "'server.until' is missing", "'until'"),
        ("(", "", "cannot be read", "regular expression"),
        ("([0-9.]+)", "[0-9.]+", "has 0 groups", "(...)"),
        ("([0-9.]+)", "([0-9])(.)", "has 2 groups", "(?:...)"),
        ("runs[0]", "runs[0", "cannot be read", "JMESPath"),
        ("pattern = ", "json = 'x'\npattern = ", "'rate' needs one source", "'json' or 'pattern'"),
        ("pattern = '^rate: ([0-9.]+)$'\n", "", "'rate' needs one source", "'json' or 'pattern'"),
        ('files = ["sort.py"]', 'files = ["../sort.py"]', "'../sort.py' is no file", "without a folder"),
        ('files = ["sort.py"]', 'files = ["sort.py", "sort.py"]', "'sort.py' is there twice", "Keep one"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_the_remedy(
    spoil: Spoil, old: str, new: str, message: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        spoil(old, new)
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert "some/where/app/sort.toml" in caught.value.message


def test_a_metric_may_have_a_name_of_its_own_or_a_known_one(spoil: Spoil) -> None:
    for name in ("latency_p50", "sort_128k"):
        assert spoil('name = "duration"', f'name = "{name}"').metrics[0].name == name


def test_a_server_in_the_target_needs_no_network_where_its_client_is_there_too(spoil: Spoil) -> None:
    inside = spoil("[job]", INSIDE)
    assert inside.server is not None
    assert (inside.server.where, inside.job.where, inside.needs) == ("target", "target", ("disk",))


def test_a_folder_that_workloads_share_is_on_the_disk() -> None:
    shared = TEXT.replace("{data}", "{shared}")
    assert load(shared, PATH, FILES.__getitem__).needs == ("disk",)
    with pytest.raises(InputError, match=r"'\{shared\}' wants 'disk'"):
        load(shared.replace('needs = ["disk"]', ""), PATH, FILES.__getitem__)


def test_a_metric_that_is_there_twice_is_refused(spoil: Spoil) -> None:
    second = 'name = "rate"\nunit = "1/s"\nbetter = "higher"'
    with pytest.raises(InputError, match="'duration' is there twice"):
        spoil(second, 'name = "duration"\nunit = "s"\nbetter = "lower"')


def test_the_file_is_called_after_its_workload(spoil: Spoil) -> None:
    for path in ("app/sorting.toml", "apps/sort.toml", "sort.toml"):
        with pytest.raises(InputError, match=f"'{path}' calls its workload 'app.sort'"):
            spoil(path=path)


def test_the_digest_changes_with_the_text_and_with_the_files(spoil: Spoil) -> None:
    workload = spoil()
    assert workload.digest == spoil().digest
    assert workload.digest != spoil("timeout = 60", "timeout = 61").digest
    changed = Workload(**vars(workload) | {"contents": {"sort.py": b"print(1)"}})
    assert workload.digest != changed.digest
