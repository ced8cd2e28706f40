"""An OCI runtime alone, runc or crun, with the configuration that podman or docker would give it."""

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.boxes.box import AGENT, RUN, entry, lacking, network, own_root
from vbench.targets.engines.podman_engine import HYBRID
from vbench.targets.handover import CAPABILITY
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings

# docker's and podman's default: what a user who types `docker run` has.
CAPABILITIES = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE KILL"
CAPABILITIES += " SYS_CHROOT AUDIT_WRITE"
# crun refuses a cgroup2 mount beside cgroup v1: it starts where that is out of sight.
WITHOUT_HYBRID = ["unshare", "--mount", "--propagation", "slave", "sh", "-ec"]
WITHOUT_HYBRID += ['umount /sys/fs/cgroup/unified; exec "$@"', "sh"]


class Oci:
    """The hops `runc` and `crun`."""

    takes_devices = False

    def __init__(self, runtime: str) -> None:
        self.name = runtime

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """OCI runtimes have a package of their own name; and root."""
        return lacking(self.name, self.name, outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Write a bundle with the limits in it and run it."""
        name = new_name()
        stack.enter_context(place.hold("cgroups", name=name))
        state = place.path("state")
        stack.enter_context(place.hold("bundle", engine=[self.name, "--root", state], name=name))
        config = json.loads(place.shell('cd "$1"; "$2" spec; cat config.json', place.scratch, self.name))
        configure(config, replace(place, rootfs=own_root(place)), settings, f"/{name}", network(place, stack))
        place.put(place.path("config.json"), json.dumps(config).encode())
        hidden = WITHOUT_HYBRID if self.name == "crun" and not place.depth and HYBRID.exists() else []
        words = [self.name, "--root", state, "run", "--bundle", place.scratch, name]
        return entry(place, [*place.tools(), *hidden, *words])


def configure(config: dict[str, Any], place: Place, settings: Settings, group: str, namespace: str | None) -> None:
    """Turn the runtime's own example into our container."""
    process, linux = config["process"], config["linux"]
    names = [f"CAP_{name}" for name in (*CAPABILITIES.split(), *([CAPABILITY] if place.handed else []))]
    process |= {"terminal": False, "args": AGENT}
    process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), names)
    process["rlimits"] = []  # the host's own
    root = place.rootfs if place.depth else os.path.realpath(place.rootfs)  # runc takes no link
    config["root"] = {"path": root, "readonly": True}
    config["mounts"] += [_tmpfs("/tmp", "mode=1777"), _tmpfs("/run", "mode=755")]  # noqa: S108 - the box's own
    config["mounts"] += [_tmpfs(RUN, "mode=755")]
    config["mounts"] += [_bind(place.data_folder, "/data", "rw"), _bind(place.agent, pyz.AGENT, "ro")]
    config["mounts"] += [_bind(one.source, one.where, "rw" if one.device else "ro") for one in place.handed]
    linux["cgroupsPath"] = group
    linux["resources"] |= {"memory": {"limit": settings.memory}, "cpu": {"cpus": ",".join(map(str, place.cpus))}}
    if place.handed:
        linux["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    spaces = [space for space in linux["namespaces"] if space["type"] != "network"]
    linux["namespaces"] = spaces + ([{"type": "network", "path": namespace}] if namespace else [])


def _tmpfs(where: str, mode: str) -> dict[str, Any]:
    return {"destination": where, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", mode]}


def _bind(source: str, where: str, how: str) -> dict[str, Any]:
    return {"destination": where, "type": "bind", "source": source, "options": ["bind", how]}
