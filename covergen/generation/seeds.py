"""The seed of a cover: what the album is called and which of its covers it is, nothing else."""

import hashlib


def seed_of(album_id: str, variant: int) -> int:
    """Return the seed of a cover, 0 to 2**64 - 1: the first 8 bytes of SHA-256 of 'album_id/variant'."""
    return int.from_bytes(hashlib.sha256(f"{album_id}/{variant}".encode()).digest()[:8], "big")
