"""Whose cloud this is, by the firmware's strings, and whether the whole machine was given."""

from vbench.probes import dmi
from vbench.probes.machine import machine
from vbench.probes.question import UNKNOWN, Answer, Question, yes
from vbench.probes.snapshot import Snapshot

CLOUDS = (
    ("sys_vendor", "Amazon EC2", "aws"),
    ("bios_version", ".amazon", "aws"),
    ("product_name", "Google Compute Engine", "gcp"),
    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"),
    ("sys_vendor", "Alibaba Cloud", "alibaba"),
    ("chassis_asset_tag", "OracleCloud.com", "oracle"),
    ("sys_vendor", "DigitalOcean", "digitalocean"),
    ("sys_vendor", "Hetzner", "hetzner"),
    ("sys_vendor", "UpCloud", "upcloud"),
    ("sys_vendor", "Scaleway", "scaleway"),
    ("sys_vendor", "Vultr", "vultr"),
    ("sys_vendor", "Linode", "linode"),
    ("sys_vendor", "Akamai", "linode"),
    ("sys_vendor", "Tencent Cloud", "tencent"),
    ("sys_vendor", "Huawei Cloud", "huawei"),
    ("product_name", "OpenStack", "openstack"),
    ("sys_vendor", "OVH", "ovh"),
    ("sys_vendor", "Exoscale", "exoscale"),
    ("sys_vendor", "Apache Software Foundation", "cloudstack"),
)


def _cloud(snapshot: Snapshot) -> Answer:
    for field, word, name in CLOUDS:
        if word in (snapshot.text(f"{dmi.ID}/{field}") or ""):
            return Answer(name, f"DMI {field}")
    known = dmi.named(snapshot) and machine(snapshot).guest is False
    return Answer("none" if known else UNKNOWN, f"{dmi.ID}/*")


def _cloud_metal(snapshot: Snapshot) -> Answer | None:
    if _cloud(snapshot).value in ("none", UNKNOWN):
        return None
    guest = machine(snapshot).guest
    return Answer(yes(None if guest is None else not guest), "platform.cloud and platform.is_guest")


QUESTIONS = (
    Question("platform.cloud", "whose cloud this is", ("DMI",), _cloud),
    Question(
        "platform.cloud_metal", "whether the cloud gave the whole machine", ("DMI", "CPUID 1.ECX[31]"), _cloud_metal
    ),
)
