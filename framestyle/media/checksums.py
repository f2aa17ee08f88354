"""Checksums that tell whether what was written is what is there (BLAKE2b, 16 bytes, as hex)."""

import hashlib
from pathlib import Path


def checksum(data: bytes) -> str:
    """Return the checksum of some bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def checksum_of(path: Path) -> str:
    """Return the checksum of a file; raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
