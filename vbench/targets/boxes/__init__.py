"""Containers without an engine: the kernel's namespaces by different tools, over the image's own folder."""

from vbench.targets.boxes.bwrap import Bwrap
from vbench.targets.boxes.lxc import Lxc
from vbench.targets.boxes.nspawn import Nspawn
from vbench.targets.boxes.oci import Oci
from vbench.targets.boxes.unshare import Unshare

BOXES = (Unshare(), Bwrap(), Nspawn(), Lxc(), Oci("runc"), Oci("crun"))

__all__ = ["BOXES"]
