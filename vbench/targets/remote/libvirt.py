"""A domain that libvirt runs already, by its name and libvirt's URI: virsh tells its address, ssh leads into it.

vbench only reads from libvirt: it never starts, stops or changes a domain. Why not its console: docs/decisions.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar

from vbench.errors import HostError, InputError
from vbench.model import Missing
from vbench.targets.options import file, option
from vbench.targets.remote.elsewhere import Elsewhere
from vbench.targets.remote.reach import Reach
from vbench.targets.remote.ssh import Ssh
from vbench.targets.spawn import run

SECONDS = 30.0  # for one question to libvirt
SOURCES = ("lease", "arp")  # the guest's own agent would want a connection that may write
RUNNING = "running"
DOMAIN = re.compile(r"\w[\w.+-]*", re.ASCII)
USER = re.compile(r"\w[\w.-]*", re.ASCII)
_ADDRESS = re.compile(r"\s(ipv[46])\s+([0-9a-fA-F:.]+)/\d+")


def _uri(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9+]*(:[!-~]*)?", text):
        raise InputError(
            f"'{text}' is no URI of libvirt.", "Write it as qemu:///system, or use an alias of libvirt.conf."
        )
    return text


def _user(text: str) -> str:
    if not USER.fullmatch(text):
        raise InputError(f"'{text}' is no name of a user.", "Write the name that ssh logs in as.")
    return text


@dataclass(frozen=True)
class Libvirt(Elsewhere):
    """The hop `libvirt:DOMAIN`, a running domain that ssh can log in to."""

    name: ClassVar[str] = "libvirt"
    example: ClassVar[str] = "DOMAIN:uri=qemu:///system"
    tool: ClassVar[tuple[str, str]] = ("virsh", "libvirt-clients")
    uri: str = option("", _uri, "libvirt's URI or an alias of one, instead of virsh's own default")
    user: str = option("", _user, "whom ssh logs in as")
    config: str = option("", file, "a configuration file of ssh's instead of the user's own")

    def __post_init__(self) -> None:
        if not DOMAIN.fullmatch(self.where):
            raise InputError(f"'{self.where}' is no domain that virsh may be given.", "Use letters, digits and '._+-'.")

    @property
    def machine(self) -> str:
        """Nothing where libvirt itself is on this host: there a domain's cost relative to bare means something."""
        found = self.uri or run(["virsh", "uri"], timeout=SECONDS).decode().strip()
        scheme, _, rest = found.partition("://")
        return "" if rest.startswith("/") and "+" not in scheme else f"{self.where} of {found}"

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Both virsh and ssh; what the other machine lacks is known once it has been entered."""
        return [*super().missing(outer), *(Ssh("any").missing(()))]

    def reach(self) -> Reach:
        """Return ssh to the domain's address."""
        where = address(
            self.where, self._virsh("domstate"), [self._virsh("domifaddr", f"--source={one}") for one in SOURCES]
        )
        login = f"{self.user}@" if self.user else ""
        return Ssh(f"{login}[{where}]" if ":" in where else f"{login}{where}", config=self.config).reach()

    def _virsh(self, command: str, *options: str) -> str:
        connect = [f"--connect={self.uri}"] if self.uri else []
        words = ["virsh", "--readonly", "--quiet", *connect, command, f"--domain={self.where}", *options]
        said: bytes = run(words, timeout=SECONDS)
        return said.decode("utf-8", "replace")


def address(domain: str, state: str, listings: list[str]) -> str:
    """Return the address of a running domain from virsh's listings, of version 4 if it has one; HostError without."""
    if state.strip() != RUNNING:
        raise HostError(f"The domain '{domain}' is '{state.strip()[:40]}'.", "Start it: vbench changes no domain.")
    found = [(kind, text) for listing in listings for kind, text in _ADDRESS.findall(listing)]
    for _, text in sorted(found, key=lambda one: one[0]):
        if not ip_address(text).is_link_local:
            return str(text)
    raise HostError(
        f"libvirt knows no address of the domain '{domain}'.", "Write ssh:HOST instead, with an address that you know."
    )
