"""Another machine by OpenSSH's own client: its configuration, agent and known hosts count, and host keys always do."""

import re
from dataclasses import dataclass
from typing import ClassVar

from vbench.errors import InputError
from vbench.targets.options import file, option
from vbench.targets.remote.elsewhere import Elsewhere
from vbench.targets.remote.reach import Meaning, Reach

CONNECT = 20  # seconds until a connection must stand
# On the command line these win over every configuration file: nothing prompts, nothing is forwarded, no other command
# runs here, no connection outlives us, and no host is taken on trust.
OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "ConnectTimeout": str(CONNECT),
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "ControlMaster": "no",
    "EscapeChar": "none",
}
# [USER@]HOST[:PORT]; a word of these characters is no option, and harmless where a configuration hands it to a shell.
HOST = re.compile(r"(?:(?P<user>\w[\w.-]*)@)?(?P<host>\w[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Ssh(Elsewhere):
    """The hop `ssh:HOST`: a name of the user's ssh configuration, or an address; as [USER@]HOST[:PORT]."""

    name: ClassVar[str] = "ssh"
    example: ClassVar[str] = "lab7"
    tool: ClassVar[tuple[str, str]] = ("ssh", "openssh-client")
    config: str = option("", file, "a configuration file of ssh's instead of the user's own")

    def __post_init__(self) -> None:
        if not HOST.fullmatch(self.where):
            raise InputError(f"'{self.where}' is no host that ssh may be given.", "Write it as [USER@]HOST[:PORT].")

    def reach(self) -> Reach:
        """Return ssh's command line up to the command; `--` ends its options."""
        return Reach(self.where, tuple(client(self.where, self.config)), quoted=True, meanings=meanings(self.where))


def client(where: str, config: str) -> list[str]:
    """Return the command line of ssh to [USER@]HOST[:PORT], without a command."""
    parts = HOST.fullmatch(where)
    if parts is None:
        raise ValueError("this is no host")
    host = parts["host"].strip("[]")
    settings = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    words = [
        "ssh",
        *(["-F", config] if config else []),
        "-T",
        *settings,
        *(["-p", parts["port"]] if parts["port"] else []),
    ]
    return [*words, "--", f"{parts['user']}@{host}" if parts["user"] else host]


def meanings(where: str) -> tuple[Meaning, ...]:
    """Return what OpenSSH says where it cannot connect (sshconnect.c, sshconnect2.c), the most telling words first."""
    by_hand = f"connect once by hand, `ssh {where}`"
    network = "See that it runs, and that its name, its port and the way there are right."
    return (
        Meaning(
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "shows another host key than the known one, so it is not trusted",
            f"Ask its owner whether it was installed anew, then remove the old key by `ssh-keygen -R`, and {by_hand}.",
        ),
        Meaning(
            "Host key verification failed",
            "shows a host key that is not known here, so it is not trusted",
            f"Ask its owner for the fingerprint and {by_hand}, or add what `ssh-keyscan` finds to known_hosts.",
        ),
        Meaning(
            "Permission denied",
            "accepts none of the keys that ssh has for it",
            f"See that `ssh {where}` works without a password: vbench asks for none.",
        ),
        Meaning(
            "Could not resolve hostname", "is a name that cannot be resolved", "Correct it, or add it to ~/.ssh/config."
        ),
        Meaning("Connection refused", "refuses the connection", network),
        Meaning("timed out", f"does not answer within {CONNECT} s", network),
        Meaning("No route to host", "cannot be reached: there is no route to it", network),
        Meaning("Network is unreachable", "cannot be reached: its network is unreachable", network),
        Meaning("Connection closed by", "closed the connection before it let us in", network),
    )
