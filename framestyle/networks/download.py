"""Fetching a file from the web: whole or not at all, checked, and never waiting for long."""

import hashlib
import http.client
import re
import threading
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from framestyle.errors import ModelError
from framestyle.progress import Fetching, Progress, ignore

ANSWER_SECONDS = 5.0
STALL_SECONDS = 30.0
CHUNK_BYTES = 1 << 18
_NO_HEAD = (405, 501)


@dataclass(frozen=True)
class Reach:
    """Whether a file on the web can be had.

    Attributes:
        ok: True where the server answered that it has the file.
        why: What was wrong, where it is not.
        size: Bytes of the file; 0 where the server does not tell.
    """

    ok: bool
    why: str = ""
    size: int = 0


def reach(url: str, seconds: float = ANSWER_SECONDS) -> Reach:
    """Ask whether a file on the web can be had; takes ``seconds`` at most."""
    answers: list[Reach] = []
    # A time-out on the socket does not cover the look-up of the host, which can take far longer.
    asking = threading.Thread(target=lambda: answers.append(_ask(url, seconds)), daemon=True)
    asking.start()
    asking.join(seconds)
    return answers[0] if answers else Reach(False, f"no answer in {seconds:g} s")


def _ask(url: str, seconds: float) -> Reach:
    try:
        with urllib.request.urlopen(_request(url, "HEAD"), timeout=seconds) as answer:
            return Reach(True, size=int(answer.headers.get("Content-Length") or 0))
    except urllib.error.HTTPError as error:
        return Reach(error.code in _NO_HEAD, f"the server says {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Reach(False, str(getattr(error, "reason", error)))


def download(url: str, path: Path, progress: Progress = ignore) -> None:
    """Fetch a file; ``path`` appears only when the file is whole.

    Unlike torch's own function it gives up when nothing arrives for ``STALL_SECONDS``.

    Args:
        url: Where from. A file name that ends in ``-<hex digits>.<suffix>``, as torchvision's do,
            gives the start of the SHA-256 that is checked.
        path: Where to; its folder is made.
        progress: Hears ``Fetching`` as the bytes arrive.

    Raises:
        ModelError: The transfer broke off, the file is not the one expected, or cannot be written.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _check_hash(url, _receive(url, part, path.name, progress))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ModelError(
            f"cannot fetch {url} to {path}: {getattr(error, 'reason', error)}; try again"
        ) from error


def _receive(url: str, part: Path, name: str, progress: Progress) -> str:
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(_request(url, "GET"), timeout=STALL_SECONDS) as answer,
        part.open("xb") as file,
    ):
        total = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            progress(Fetching(name, file.tell(), total))
        if total and file.tell() != total:
            raise OSError(f"the transfer broke off after {file.tell()} of {total} bytes")
    return digest.hexdigest()


def _request(url: str, method: str) -> urllib.request.Request:
    return urllib.request.Request(url, method=method, headers={"User-Agent": "framestyle"})


def _check_hash(url: str, digest: str) -> None:
    match = re.search(r"-([0-9a-f]{8,64})\.\w+$", urlparse(url).path)
    if match and not digest.startswith(match[1]):
        raise ModelError(
            f"what {url} gave is damaged: its SHA-256 starts with {digest[: len(match[1])]}, "
            f"expected {match[1]}; try again"
        )
