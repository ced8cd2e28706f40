"""All that a workload's file says, for people: on a terminal, and as the page docs/workloads.md."""

import shlex
from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import TextWrapper

from vbench.reports.clean import markdown, printable
from vbench.workloads import PLACEHOLDERS, Reading, Workload
from vbench.workloads.argv import used

WIDTH = 80
_LABEL = 13  # columns of the labels
_HEAD = """\
<!-- Made from the workloads' files by scripts/workloads_page.py; not to be edited. -->
# The catalogue

What `vbench run` can run. `vbench workloads WORD ...` searches it, `vbench workloads --explain NAME` shows one on the
terminal, and [the form of a file](workloads-format.md) says how to write one of your own.

- `vbench run` takes those that are tagged `quick`, `--tag TAG` those with another tag, `--workload 'disk.*'` those
  whose names match, and `--workload '*'` all {count}.
- `vbench run --workload-dir DIR` takes workload files of your own, such as
  [this one](examples/workloads/app/sort.toml).
- `vbench run --command 'make bench'` and `vbench run --pytest DIR` need no file: [your own jobs](own-jobs.md).

The steps are shown as the files have them: `{{seconds}}` and its like are filled in for each target.
"""


def explained(workload: Workload) -> str:
    """Return all of a workload as plain text of 80 columns that ends with a newline."""
    lines = [*_wrapped(f"{workload.name}, version {workload.version}: ", workload.summary, 2), ""]
    for label, text in _prose(workload):
        lines += _wrapped(f"{label:<{_LABEL}}", text, _LABEL)
    for title, argv in _steps(workload):
        lines += ["", *_wrapped("", f"{title}:", 2), *_command(argv)]
    lines += ["", "Metrics:"]
    for metric in workload.metrics:
        lines += _wrapped(f"  {metric.name} ", f"({_meaning(metric)}) from {_range(metric)}: {_source(metric)}", 4)
    names = sorted({name for _, argv in _steps(workload) for name in used(argv)})
    for name in names:
        lines += [*([""] if name == names[0] else []), *_wrapped(f"{{{name}}} is ", f"{PLACEHOLDERS[name]}.", 2)]
    return "\n".join([*lines, "", f"File: {workload.path}", ""])


def page(workloads: Iterable[Workload]) -> str:
    """Return docs/workloads.md: a table for each family, then all of each of its workloads."""
    every = sorted(workloads, key=lambda workload: workload.name)
    lines = [_HEAD.format(count=len(every))]
    for family, members in groupby(every, lambda workload: workload.family):
        mine = list(members)
        lines += [f"## {family}", "", "| workload | what | metrics | tags |", "| --- | --- | --- | --- |"]
        lines += [_row(workload) for workload in mine]
        lines += ["", *(line for workload in mine for line in _section(workload))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(workload: Workload) -> str:
    link = f"[{workload.name}](#{workload.name.replace('.', '')})"
    metrics = ", ".join(f"`{metric.name}`" for metric in workload.metrics)
    return f"| {link} | {markdown(workload.summary)} | {metrics} | {', '.join(workload.tags)} |"


def _section(workload: Workload) -> Iterator[str]:
    yield from (f"### {workload.name}", "")
    yield f"{markdown(workload.summary)} Version {workload.version}."
    yield ""
    yield from (f"- *{label}:* {markdown(text)}" for label, text in _prose(workload))
    for title, argv in _steps(workload):
        yield from ("", f"{title}:", "", "```", *_shell(argv).splitlines(), "```")
    yield from ("", "| metric | meaning | plausible range |", "| --- | --- | --- |")
    yield from (f"| `{metric.name}` | {_meaning(metric)} | {_range(metric)} |" for metric in workload.metrics)
    yield ""


def _prose(workload: Workload) -> Iterator[tuple[str, str]]:
    yield "Measures", workload.measures
    yield "Exercises", workload.exercises
    yield "Working set", workload.working_set
    yield "Void by", workload.voids
    yield "Source", workload.source
    for label, words in (("Tags", workload.tags), ("Needs", workload.needs), ("Files", workload.files)):
        if words:
            yield label, ", ".join(words)
    if opening := workload.instance:
        yield "Instance", f"a new one for every iteration, {opening.state}"
    if opening and (density := opening.density):
        merged = ", equal pages merged by KSM" if density.ksm else ""
        level = f"while a round trip takes less than {density.level:g} s and {density.reserve:g} B of memory are left"
        yield "Density", f"up to {density.most} instances, {level}{merged}"


def _steps(workload: Workload) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a title and the argv of each step."""
    if step := workload.prepare:
        yield f"Once in a fresh instance, not timed, at most {step.timeout} s", step.argv
    if server := workload.server:
        title = f"Server on the {server.where}, up within {server.timeout} s, when it says '{server.until.strip()}'"
        yield title, server.argv
    yield f"Job on the {workload.job.where}, at most {workload.job.timeout} s", workload.job.argv


def _meaning(metric: Reading) -> str:
    tail = ", a far quantile" if metric.tail else ""
    zero = ", may be 0" if metric.zero else ""
    return f"{metric.unit}, {'more' if metric.better == 'higher' else 'less'} is better{tail}{zero}"


def _range(metric: Reading) -> str:
    return f"{metric.low:g} to {metric.high:g}"


def _source(metric: Reading) -> str:
    if metric.clock:
        return "how long the job took"
    where = f"JSON at {metric.json}" if metric.json is not None else f"the pattern {metric.pattern}"
    return where if metric.scale == 1 else f"{where}, times {metric.scale:g}"


def _shell(argv: tuple[str, ...]) -> str:
    """Return an argv as a shell would take it; a script in it keeps its lines."""
    return "\n".join(map(printable, shlex.join(argv).splitlines()))


def _command(argv: tuple[str, ...]) -> Iterator[str]:
    for line in _shell(argv).splitlines():
        yield from _wrapped("  ", line, 4)


def _wrapped(start: str, text: str, indent: int) -> list[str]:
    wrapper = TextWrapper(WIDTH, initial_indent=start, subsequent_indent=" " * indent)
    wrapper.break_on_hyphens = wrapper.break_long_words = False  # names and options stay whole
    return wrapper.wrap(printable(text))
