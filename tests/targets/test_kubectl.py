"""A pod by kubectl exec. There is no cluster here: the client is real where it must refuse, and one script stands for
what `kubectl exec` does with a command once a cluster has let it in."""

import shutil
from pathlib import Path

import pytest

from tests.targets.entering import ROOT, Bench, ask
from vbench.errors import InputError, TargetError
from vbench.image import Image
from vbench.targets.catalogue import Catalogue
from vbench.targets.remote.kubectl import Kubectl
from vbench.targets.remote.reach import BASE

# Runs what stands behind `--` here.
EXEC = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\nexec "$@"\n'
NOWHERE = """\
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: nobody}}]
current-context: none
"""


def test_the_command_line() -> None:
    words = Kubectl("web-0", namespace="lab", container="app", context="eu-west/1").reach().argv()
    chosen = ["--context=eu-west/1", "--namespace=lab", "--container=app"]
    assert words[: words.index("python3")] == ["kubectl", "exec", "--stdin", *chosen, "web-0", "--"]
    for name in ("-v", "Web", "a b", "--help", "a=b", "web-0:namespace=-n", "web-0:context=--help"):
        with pytest.raises(InputError):
            Catalogue().target(f"kubectl:{name}")


@pytest.mark.real
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl; Debian's package excludes Google's")
def test_a_cluster_that_does_not_answer_is_a_sentence(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(NOWHERE)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(TargetError, match="no cluster answers"), bench.enter("kubectl:web-0"):
        pass
    with (
        pytest.raises(TargetError, match="is sought in a context that is not there"),
        bench.enter("kubectl:web-0:context=other"),
    ):
        pass


@pytest.mark.real
@pytest.mark.skipif(not ROOT, reason="the root of the image is mounted")
def test_a_pod_that_may_mount_runs_jobs_in_the_image(
    bench: Bench, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "kubectl"
    fake.write_text(EXEC)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cached = tmp_path / "cache" / "vbench" / "images" / image.digest
    cached.mkdir(parents=True)
    (cached / "rootfs").symlink_to(image.rootfs)
    with bench.enter("kubectl:web-0") as pod:
        assert pod.place.machine == "the node of pod web-0"
        assert ask(pod, "echo x > /data/y; cat /data/y") == "x"
    assert not list(Path(BASE).glob("vbench-there-*"))
