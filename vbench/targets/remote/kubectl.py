"""A container of a pod, by `kubectl exec`: what kubectl is configured for is where the pod is sought."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from vbench.errors import InputError
from vbench.targets.options import option
from vbench.targets.remote.elsewhere import Elsewhere
from vbench.targets.remote.reach import Meaning, Reach

SECONDS = 20  # for one request to the cluster
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*")
CLUSTER = "See `kubectl cluster-info`, or choose another with context=NAME."
CONTEXTS = "See `kubectl config get-contexts`."
MEANINGS = (
    Meaning("The connection to the server", "cannot be reached: no cluster answers", CLUSTER),
    Meaning("Unable to connect to the server", "cannot be reached: no cluster answers", CLUSTER),
    Meaning("(NotFound)", "is not there", "See `kubectl get pods`; namespace=NAME chooses another namespace."),
    Meaning("(Forbidden)", "may not be entered", "Ask for the right to create 'pods/exec'."),
    Meaning("(Unauthorized)", "may not be entered: the cluster does not know us", "Log in to the cluster."),
    Meaning("is not valid for pod", "has no such container", "See `kubectl describe pod`."),
    Meaning("context was not found", "is sought in a context that is not there", CONTEXTS),
    Meaning("does not exist", "is sought in a context that is not there", CONTEXTS),
)


def _matching(kind: str, pattern: re.Pattern[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise InputError(f"'{text}' is no name of a {kind}.", "See what kubectl calls it.")
        return text

    return read


@dataclass(frozen=True)
class Kubectl(Elsewhere):
    """The hop `kubectl:POD`; the container needs Python and the right to mount, as a privileged one has."""

    name: ClassVar[str] = "kubectl"
    example: ClassVar[str] = "web-0"
    tool: ClassVar[tuple[str, str]] = ("kubectl", "kubernetes-client")
    namespace: str = option("", _matching("namespace", NAME), "the pod's namespace")
    container: str = option("", _matching("container", NAME), "which of the pod's containers")
    context: str = option("", _matching("context", CONTEXT), "which of kubectl's contexts")

    def __post_init__(self) -> None:
        _matching("pod", NAME)(self.where)

    @property
    def machine(self) -> str:
        """The pod's node, which only the cluster knows by name."""
        return f"the node of pod {self.where}"

    def reach(self) -> Reach:
        """Return kubectl's command line; no shell is on the way."""
        chosen = {"context": self.context, "namespace": self.namespace, "container": self.container}
        options = [f"--{key}={value}" for key, value in chosen.items() if value]
        words = ("kubectl", "exec", "--stdin", *options, self.where, "--")
        return Reach(f"pod {self.where}", words, quoted=False, meanings=MEANINGS)
