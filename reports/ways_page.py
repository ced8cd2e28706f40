"""The page docs/targets.md: every hop from its own code, with the commands of the machine that makes the page."""

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import vbench
from vbench import paths
from vbench.model import CONTROL
from vbench.reports.ways_in import folded
from vbench.run.showing import Shown
from vbench.targets import accelerator
from vbench.targets.catalogue import Catalogue, Target
from vbench.targets.confine import ROOT
from vbench.targets.explain import Choice, behind, everywhere, labels_of, way
from vbench.targets.place import Place, Settings
from vbench.targets.remote import ELSEWHERE
from vbench.targets.variants import unvaried

FENCE = "```"
PASSING = [
    (re.compile(r"/sys/fs/cgroup/\S*/vbench-\d+-[0-9a-f]{8}"), "{group}"),
    (re.compile(r"vbench-\d+-[0-9a-f]{8}"), "{name}"),
    (re.compile(r"vbench-\d+-c\d+"), "{namespace}"),
    (re.compile(r"vbtap\d+"), "{tap}"),
    (re.compile(r"52:54:00(:[0-9a-f]{2}){3}"), "{mac}"),
    (re.compile(r"\b(nofile|nproc)=\d+:\d+"), r"\1={limit}"),
    (re.compile(r"\b(cpus=|cpu-list )\d+(,\d+)*"), r"\1{cpus}"),
    (re.compile(r"\b[0-9a-f]{24,64}\b"), "{digest}"),
]
HEAD = """\
<!-- Made from the code by scripts/targets_page.py; not to be edited. -->
# Ways in

What `vbench run --target` takes. A target is a path of hops, outermost first: `podman`, `kvm`, `kvm/kvm` (alias
`nested`), `kvm/bwrap`. `vbench targets` says what can be run on a machine and the fix for the rest, `vbench targets
kvm/bwrap --show-command` all of one with the exact command lines. Ways in of your own are an argv in
[vbench.toml](../README.md) or [a plug-in](plugins.md).

Options stand behind the path, `kvm:disk=nvme:memory=1G`, and go to the outermost hop that has them. Every target takes:

{everywhere}

A command line is what starts the agent at the other end of a byte pipe. Those below are what runs on
{kind};
what is different on every machine or in every run stands in braces. Before the first of a path vbench puts
`setpriv --pdeathsig KILL` and, where it may, a control group that counts the CPU time.
"""


def examples(catalogue: Catalogue) -> dict[str, Target]:
    """Return a target of one hop for each kind of hop, by its name."""
    names = {name: name for name in catalogue.hops if name != CONTROL}
    names |= {kind: f"{kind}:{way.example}" for kind, way in ELSEWHERE.items()}
    return {name: catalogue.target(target) for name, target in names.items()}


def page(catalogue: Catalogue, shown: Mapping[str, Shown], settings: Settings) -> str:
    """Return the page; `shown` has what would be run for each of the `examples`."""
    targets = examples(catalogue)
    first = next(iter(catalogue.hops.values()))
    lines = [HEAD.format(everywhere="\n".join(_options(everywhere(first))), kind=kind_of_machine())]
    lines += ["| hop | what it is |", "| --- | --- |"]
    lines += [f"| [{name}](#{name}) | {_plain(way(target.hops[0]).summary)} |" for name, target in targets.items()]
    for name, target in targets.items():
        lines += ["", *_section(name, target, catalogue), "", *_command(shown[name], settings)]
    return "\n".join(lines) + "\n"


def kind_of_machine() -> str:
    """Return what decides between forms of a command line, as one clause."""
    user = "as root" if os.getuid() == 0 else "as a plain user"
    version1, version2 = (ROOT / "memory").is_dir(), (ROOT / "cgroup.controllers").exists()
    groups = "of version 1" if version1 else "of version 2" if version2 else "of none"
    both = " and 2" if version1 and (ROOT / "unified").is_dir() else ""
    systemd = "with" if Path("/run/systemd/system").exists() else "without"
    guests = accelerator.known().accelerator
    return f"a machine {systemd} systemd, {user}, control groups {groups}{both}, guests by {guests}"


def _section(name: str, target: Target, catalogue: Catalogue) -> Iterator[str]:
    hop = unvaried(target.hops[0])
    about = way(hop)
    yield from (f"## {name}", "", _plain(f"{about.summary} {about.more}".strip()), "")
    yield f"- *Needs:* {_plain(about.needs)}"
    yield f"- *Behind it:* {', '.join(name for name in behind(hop, catalogue) if name != CONTROL) or 'nothing'}"
    if labels := labels_of(target):
        yield f"- *Labels:* {', '.join(labels)}"
    if about.options:
        yield from ("", *_options(about.options))


def _options(choices: Iterable[Choice]) -> Iterator[str]:
    yield from ("| option | values | else | what |", "| --- | --- | --- | --- |")
    for choice in choices:
        values = ", ".join(f"`{value}`" for value in choice.values)
        yield f"| `{choice.key}` | {values} | {_plain(choice.default)} | {_plain(choice.summary)} |"


def _plain(text: str) -> str:
    """Return a sentence of ours as Markdown in a table: what it quotes as code stays code."""
    return text.replace("|", r"\|").replace("<", "&lt;")


def _command(shown: Shown, settings: Settings) -> list[str]:
    if not shown.commands:
        (why,) = in_general([shown.obstacle or ""], shown.place, settings)
        return [FENCE, f"# None here: {why}", FENCE]
    return [FENCE, *folded(in_general(shown.commands[0].argv, shown.place, settings), _quoted), FENCE]


def _quoted(word: str) -> str:
    """Quote a word as a shell needs it, but for the braces."""
    bare = word.replace("{", "").replace("}", "")
    return word if shlex.quote(bare) == bare else shlex.quote(word)


def in_general(argv: Iterable[str], place: Place, settings: Settings) -> list[str]:
    """Return a command line with names in braces for what is different on every machine or in every run."""
    ours = {
        str(Path(place.rootfs).resolve()): "{rootfs}",
        place.rootfs: "{rootfs}",
        place.disk: "{disk}",
        place.agent: "{agent}",
        place.data: "{data}",
        place.scratch: "{scratch}",
        place.netns: "{netns}",
        place.address: "{address}",
        str(paths.data()): "{home}",
        sys.executable: "{python}",
        str(Path(vbench.__file__).parent): "{vbench}",
        ",".join(map(str, place.cpus)).join(["--cpu-list ", ""]): "--cpu-list {cpus}",
        str(settings.memory): "{memory}",
        f"{settings.memory // 2**20}M": "{memory}",
    }
    words = []
    for word in argv:
        general = word
        for text in sorted(filter(None, ours), key=len, reverse=True):
            general = general.replace(text, ours[text])
        for pattern, name in PASSING:
            general = pattern.sub(name, general)
        words.append(general)
    return words
