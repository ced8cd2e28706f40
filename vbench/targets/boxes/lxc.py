"""LXC by lxc-execute: its own small init, and a configuration file of ours."""

from contextlib import ExitStack

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import PATH, field
from vbench.targets.boxes.box import AGENT, RUN, entry, lacking, network, tools
from vbench.targets.confine import NO_LIMIT, has_cpusets, memory_folder
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings

CONFIG = """\
lxc.rootfs.path = dir:{rootfs}
lxc.rootfs.options = ro
lxc.uts.name = vbench
lxc.cgroup.dir.monitor = {group}/monitor
lxc.cgroup.dir.container = {group}/container
lxc.cgroup.dir.monitor.pivot = {group}-pivot
lxc.net.0.type = none
lxc.autodev = 1
lxc.mount.auto = proc:mixed sys:ro
lxc.mount.entry = tmpfs tmp tmpfs mode=1777 0 0
lxc.mount.entry = tmpfs run tmpfs mode=755 0 0
lxc.mount.entry = tmpfs {run} tmpfs mode=755,create=dir 0 0
lxc.environment = PATH={path}
lxc.mount.entry = {data} data none bind 0 0
lxc.mount.entry = {agent} {inside} none bind,ro 0 0
"""
BINDING = "lxc.mount.entry = {source} {where} none bind,{how},create=file 0 0\n"


class Lxc:
    """The hop `lxc`."""

    name = "lxc"
    takes_devices = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """lxc-execute, and root."""
        return lacking("lxc-execute", "lxc", outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Write the configuration and run the agent below lxc's init; it keeps the network that it is started in."""
        before = tools(place, network(place, stack))
        name = new_name()
        for group in (name, f"{name}-pivot"):  # where lxc's monitor goes last must lie outside of what it removes
            stack.enter_context(place.hold("cgroups", name=group))
        file = place.path("lxc.conf")
        files = {"rootfs": place.rootfs, "data": field(place.data), "agent": field(place.agent)}
        inside = {"inside": pyz.AGENT.lstrip("/"), "run": RUN.lstrip("/"), "path": PATH}
        text = CONFIG.format(group=name, **files, **inside) + limit(place, settings)
        for one in place.handed:
            how = "rw" if one.device else "ro"
            text += BINDING.format(source=field(one.source), where=one.where.lstrip("/"), how=how)
        place.put(file, text.encode())
        words = ["lxc-execute", f"--name={name}", f"--lxcpath={place.scratch}", f"--rcfile={file}", "--quiet", "--"]
        return entry(place, [*before, *words, *AGENT])


def limit(place: Place, settings: Settings) -> str:
    """Return the lines that limit the memory and the CPUs: lxc moves what it runs into groups of its own."""
    found = memory_folder()
    if found is None:
        place.warnings.append(NO_LIMIT)
        return ""
    kind = "cgroup2" if found[1] == "memory.max" else "cgroup"
    cpus = f"lxc.{kind}.cpuset.cpus = {','.join(map(str, place.cpus))}\n" if has_cpusets() else ""
    return f"lxc.{kind}.{found[1]} = {settings.memory}\n{cpus}"
