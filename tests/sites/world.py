"""What all sites share: the catalogue, the studio that makes its sounds and pictures, and their state."""

import threading
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from covergen.media import images
from covergen.procedural.covers import paint
from covergen.procedural.music import synthesise
from tests.audio_files import encoded
from tests.sites.catalogue import Catalogue, Record, Song
from tests.sites.faults import Faults
from tests.sites.log import Log
from tests.sites.settings import Rates, Settings

SECONDS = 12.0
SAMPLE_RATE = 24_000
PAINTED = 500  # larger covers are these, enlarged
LARGEST = 1200


class World:
    """One server's."""

    def __init__(self, albums: int = 24, seed: int = 0, **settings: Any):
        self.catalogue = Catalogue(albums, seed)
        self.media_maker = MediaMaker(self.catalogue)
        self.settings = Settings(**settings)
        self.faults, self.log, self.rates = Faults(), Log(), Rates()
        self.tokens: dict[str, float] = {}  # Spotify's, with the monotonic time at which they expire
        self.spent = {"youtube_searches": 0, "youtube_units": 0}

    def reset(self) -> None:
        """Put settings, rates and quotas back to where they were at the start."""
        self.settings.reset()
        self.rates = Rates()
        self.spent = dict.fromkeys(self.spent, 0)


class MediaMaker:
    """Makes a song or a cover when it is first asked for, and keeps it."""

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self._lock = threading.Lock()
        self._song, self._waveform, self._cover = cache(self._play), cache(self._heard), cache(self._paint)

    def song(self, key: str, kind: str) -> bytes:
        """Return 12 s of a song as mp3, m4a or flac. Raises KeyError for what is no song."""
        with self._lock:
            return self._song(key, kind)

    def cover(self, key: str, size: int) -> bytes:
        """Return the cover of an album as JPEG. Raises KeyError for what is no album."""
        with self._lock:
            return self._cover(key, min(size, LARGEST))

    def _play(self, key: str, kind: str) -> bytes:
        return encoded(kind, self._waveform(key)[None, :], SAMPLE_RATE)

    def _heard(self, key: str) -> np.ndarray:
        song = self.catalogue.by_key[key]
        if not isinstance(song, Song):
            raise KeyError(key)
        return synthesise(song.music, SECONDS, SAMPLE_RATE)

    def _paint(self, key: str, size: int) -> bytes:
        record = self.catalogue.by_key[key]
        if not isinstance(record, Record):
            raise KeyError(key)
        picture = paint(record.album.factors, record.album.seed, min(size, PAINTED))
        if size > PAINTED:
            picture = np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))
        return images.encode_jpeg(picture, quality=85)
