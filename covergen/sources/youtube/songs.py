"""Songs that are looked for on YouTube, the video that is theirs, and the row that it makes."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from covergen.errors import BadInput
from covergen.sources.identity import normalise
from covergen.sources.matching.editions import without_article
from covergen.sources.matching.matching import TrackCandidate, best_track
from covergen.sources.matching.versions import version
from covergen.sources.protocol import Record, Rejected
from covergen.sources.web_source import Wanted, WantedTrack

WATCH = "https://www.youtube.com/watch?v="
# What uploaders add to a title that changes nothing in the sound: one of the words that say so, and others.
_SAYS_SO = (
    r"(?:official|videos?|videoclip|audio|clip|lyrics?|visuali[sz]er|hd|hq|4k|uhd|1080p|explicit|m ?v|pv"
    r"|remaster(?:ed)?)"
)
_BESIDE = r"(?:the|original|music|with|version|full|clean|\d{4})"
_PRAISE = re.compile(rf"(?:^|\s+)(?:{_BESIDE}\s+)*{_SAYS_SO}(?:\s+(?:{_SAYS_SO}|{_BESIDE}))*$")
_BRACKETS = re.compile(r"\s*[(\[【]([^()\[\]【】]*)[)\]】]")
_QUOTED = re.compile(r"(.+?)[\s:–-]*[\"“«「『](.+?)[\"”»」』]\s*(.*)")
# An apostrophe within a word or before one is no quote: "Sweet Child O' Mine", "'Til You Get Enough".
_SINGLY_QUOTED = re.compile(r"(.+?)[\s:–-]+['‘](?=\S)(.+?)(?<=\S)['’](?!\w)\s*(.*)")
_PARTS = re.compile(r"\s+[-–—~:/]+\s+|\s*\|+\s*|:\s+")
_GUESTS = re.compile(r"\s+(?:ft|feat|featuring)\b\.?\s.*$", re.IGNORECASE)
_TOPIC = " - Topic"


@dataclass(frozen=True)
class Song:
    """A song of a wanted album: whose row it is, and by what it is found."""

    album_id: str
    track_id: str
    title: str
    artist: str

    @property
    def key(self) -> str:
        """What it is called in `rejects`."""
        return f"youtube: {self.artist}: {self.title}"

    @property
    def query(self) -> str:
        """What is searched for; "-" and "|" before a word would mean "not" and "or" there."""
        words = f"{self.artist.partition(';')[0]} {self.title}".replace("|", " ").split()
        return " ".join(word for each in words if (word := each.lstrip("-")))


@dataclass(frozen=True)
class Candidate:
    """A video that a search lists."""

    video_id: str
    title: str
    channel: str
    live: bool = False


def songs_of(wanted: Iterable[Wanted]) -> Iterator[tuple[Song, str | None]]:
    """Yield each song with the id of its video, where that is known."""
    for album in wanted:
        for track in album.tracks:
            song = Song(album.album_id, track.track_id, track.title, track.artist or album.artist)
            yield song, track.ids.get("youtube")


def write_songs(songs: Iterable[Song]) -> str:
    """Return songs as the text that a request carries."""
    return json.dumps([asdict(song) for song in songs], ensure_ascii=False)


def read_songs(text: str) -> list[Song]:
    """Return what `write_songs` wrote."""
    return [Song(**song) for song in json.loads(text)]


def choose(song: Song, candidates: Sequence[Candidate]) -> Candidate:
    """Return the video that is this song: of the artist's "Topic" channel first, then an official one.

    Among equals the first that is offered. Raises BadInput, NO_MATCH, naming what was offered.
    """
    wanted = WantedTrack(song.track_id, song.title, song.artist)
    fit = [video for video in candidates if not video.live and _is_song(wanted, video)]
    if fit:
        return min(fit, key=lambda video: _rank(song, video))
    offered = [TrackCandidate(video.video_id, video.channel, video.title) for video in candidates]
    best_track(wanted, [each for each in offered if not _fits(wanted, [each])])
    raise AssertionError("best_track finds none among those that do not fit")


def is_topic(channel: str) -> bool:
    """Tell whether a channel is one that YouTube itself makes of an artist's recordings."""
    return channel.endswith(_TOPIC)


def track_record(
    song: Song,
    video_id: str,
    *,
    views: int | None,
    at: datetime,
    licence: str,
    duration_ms: int | None = None,
) -> Record:
    """Return the wanted track's row with the video's id and its views, which have a time if there are any."""
    return {
        "track_id": song.track_id,
        "album_id": song.album_id,
        "title": song.title,
        "artist": song.artist,
        "duration_ms": duration_ms,
        "views": views,
        "views_at": at if views is not None else None,
        "external_ids": {"youtube": video_id},
        "source": "youtube",
        "source_url": WATCH + video_id,
        "licence": licence,
    }


def refused(song: Song, problem: BadInput) -> Rejected:
    """Return why nothing is known of a song, under the song's name."""
    return Rejected("answers", song.key, problem)


def _rank(song: Song, video: Candidate) -> int:
    if is_topic(video.channel):
        return 0
    if _is_channel_of(song.artist, video.channel):
        return 1
    return 2 if "official" in normalise(f"{video.title} {video.channel}") else 3


def _is_song(wanted: WantedTrack, video: Candidate) -> bool:
    rendition = version((video.title, video.channel.removesuffix(_TOPIC)), (wanted.title, wanted.artist))
    return rendition is None and _fits(wanted, _readings(wanted, video))


def _fits(wanted: WantedTrack, readings: Sequence[TrackCandidate]) -> bool:
    try:
        return bool(best_track(wanted, readings))
    except BadInput:
        return False


def _readings(wanted: WantedTrack, video: Candidate) -> list[TrackCandidate]:
    """Return what artist and title a video's may be: "A - B", "B | A", 'A "B"', "A B", or the channel's B.

    Whatever else its title says stays in the reading, which is then another song's: "B (Live)", "B Reaction".
    """
    own = _is_channel_of(wanted.artist, video.channel)
    channel = wanted.artist if own else video.channel.removesuffix(_TOPIC)
    bare = _BRACKETS.sub(lambda note: "" if _is_praise(note[1]) else note[0], video.title).strip()
    pairs = []
    every = [part for part in _PARTS.split(bare) if part]
    for parts in (every, [part for part in every if not _is_praise(part)]):
        first, rest = "".join(parts[:1]), " - ".join(parts[1:])
        pairs += [(channel, " - ".join(parts)), (first, rest), (rest, first)]
    for quoted in filter(None, (pattern.fullmatch(bare) for pattern in (_QUOTED, _SINGLY_QUOTED))):
        pairs.append((quoted[1], quoted[2] if _is_praise(quoted[3]) else f"{quoted[2]} {quoted[3]}"))
    if (whole := normalise(bare)).startswith(f"{normalise(wanted.artist)} "):
        pairs.append((wanted.artist, whole.removeprefix(normalise(wanted.artist)).strip()))
    titles = [(artist, form) for artist, title in pairs for form in _forms(title) if form]
    return [TrackCandidate(video.video_id, artist, title) for artist, title in titles]


def _forms(title: str) -> set[str]:
    without = _GUESTS.sub("", title)
    return {title, without, _PRAISE.sub("", normalise(without)) or title}


def _is_praise(text: str) -> bool:
    return not _PRAISE.sub("", normalise(text))


def _is_channel_of(artist: str, channel: str) -> bool:
    """Tell whether a channel is an artist's own: "Adele", "AdeleVEVO", "Adele Official", "Adele - Topic"."""
    bare = channel.removesuffix(_TOPIC).removesuffix("VEVO")
    name = without_article(normalise(artist.partition(";")[0]))
    channel_name = normalise(bare).removeprefix("official ").removesuffix(" official").removesuffix(" music")
    forms = {without_article(channel_name).replace(" ", "")}
    if channel.endswith("VEVO") and (rest := channel_name.removeprefix("the")) != "the":  # "TheBeatlesVEVO"
        forms.add(rest)
    return name.replace(" ", "") in forms
