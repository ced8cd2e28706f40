"""Variants of a target: their names, what may be varied where, and what a bundle keeps of them."""

import hashlib
from pathlib import Path

import pytest

from vbench.errors import InputError
from vbench.image import Image
from vbench.store.bundle import slug
from vbench.targets.catalogue import Catalogue
from vbench.targets.engines import Podman
from vbench.targets.impose.hop import parse_count, parse_time
from vbench.targets.options import options_of
from vbench.targets.qemu import Qemu
from vbench.targets.variants import Varied, described, parse


def test_a_plain_name_has_no_options() -> None:
    for name in ("bare", "kvm/kvm", "ssh:lab7/kvm"):
        assert (parse(name).path, parse(name).options, parse(name).second) == (name, {}, False)


def test_options_stand_behind_colons_and_may_hold_slashes_and_equals_signs() -> None:
    name = parse("kvm/kvm:qemu=/opt/a=b/qemu:memory=1G#2")
    assert (name.path, name.second) == ("kvm/kvm", True)
    assert name.options == {"qemu": "/opt/a=b/qemu", "memory": "1G"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kvm:memry=1G", "'kvm:memry=1G' cannot take the option 'memry'. Did you mean 'memory'?"),
        ("kvm:memory=", "'memory=' in 'kvm:memory=' is no option."),
        ("kvm:memory=1G:tcg", "'tcg' in 'kvm:memory=1G:tcg' is no option."),
        ("kvm:memory=1G:memory=2G", "The option 'memory' is there twice in 'kvm:memory=1G:memory=2G'."),
        ("kvm:memory=lots", "'lots' is not a size."),
        ("kvm:accelerator=hax", "There is no accelerator 'hax'."),
        ("kvm:kernel=vmlinux", "There is no kernel 'vmlinux'. Known: generic, host, image."),
        ("kvm:qemu=/etc/passwd", "'/etc/passwd' is no program that may be run."),
        ("podman:kernel=/etc/passwd", "'podman:kernel=/etc/passwd' cannot take the option 'kernel'."),
        ("bare:runtime=crun", "'bare:runtime=crun' cannot take the option 'runtime'."),
        ("kvm:iops=1000", "'kvm:iops=1000' cannot take the option 'iops'."),
        ("kvm/podman:delay=5ms", "'kvm/podman:delay=5ms' cannot take the option 'delay'."),
        ("bare:iops=0", "'0' is no number above 0."),
        ("bare:cpu-quota=2", "'2' is not a share between 0 and 1."),
        ("bare:delay=5", "'5' is no time."),
        ("podmn:memory=1G", "There is no target 'podmn'. Did you mean 'podman'?"),
        ("bare#3", "There is no target 'bare#3'."),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        Catalogue().target(name)
    assert f"{caught.value.message} {caught.value.remedy}".startswith(said)
    assert caught.value.remedy


def test_an_image_that_is_not_there(image: Image) -> None:
    with pytest.raises(InputError, match="There is no image 'zz'"):
        Catalogue().target("bare:image=zz")
    assert described({"image": image.digest[:20]})["image.digest"] == image.digest


def test_a_variant_is_a_target_with_its_whole_name() -> None:
    target = Catalogue().target("nested:memory=1G#2")
    assert target.name == "kvm/kvm:memory=1G#2"
    assert [hop.name for hop in target.hops] == ["qemu", "qemu"]
    assert Catalogue().guests([target.name])
    assert Catalogue().target(target.name).name == target.name


def test_the_second_of_a_target_is_the_same_under_another_name() -> None:
    catalogue = Catalogue()
    assert catalogue.target("podman#2").hops == catalogue.target("podman").hops
    assert catalogue.target("podman#2").name == "podman#2"


def test_files_are_kept_with_their_digest(tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(b"kernel")
    kept = described({"kernel": str(kernel), "memory": "1G"})
    assert kept == {"kernel": str(kernel), "memory": "1G", "kernel.sha256": hashlib.sha256(b"kernel").hexdigest()}


def test_a_variants_name_is_safe_and_short_in_a_path_and_stays_its_own() -> None:
    names = ["kvm:kernel=/a/b", "kvm:kernel=/a_b", "kvm:kernel=/a,b", f"kvm:kernel=/{'x' * 300}"]
    slugs = {slug(name) for name in names}
    assert len(slugs) == len(names)
    for text in slugs:
        assert len(text) < 40
        assert not set(text) & set(":,/=#")
    assert slug("kvm/podman-rootless") == "kvm+podman-rootless"


def test_an_option_belongs_to_the_outermost_hop_that_has_it() -> None:
    outer, inner = Catalogue().target("podman/kvm:accelerator=tcg:memory=1G").hops
    assert outer == Varied(Podman(), memory=2**30)
    assert inner == Qemu(accelerator="tcg")
    first, second = Catalogue().target("kvm/kvm:accelerator=tcg").hops
    assert (first, second) == (Varied(Qemu(accelerator="tcg")), Qemu())


def test_every_option_says_what_it_is() -> None:
    said = {key: one.summary for hop in Catalogue().hops.values() for key, one in options_of(hop).items()}
    assert all(said.values())
    assert {"kernel", "runtime", "cpu-quota"} <= set(said)


def test_counts_and_times() -> None:
    assert [parse_count(text) for text in ("1", "1.5k", "100M", "2G")] == [1, 1500, 1e8, 2e9]
    assert [parse_time(text) for text in ("0ms", "250us", "1.5ms", "2s")] == [0, 0.00025, 0.0015, 2]
