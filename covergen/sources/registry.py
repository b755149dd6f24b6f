"""Sources by name, as a config names them."""

from covergen.sources.deezer import DeezerSource
from covergen.sources.itunes import ITunesSource
from covergen.sources.local.folder import FolderSource
from covergen.sources.local.table import TableSource
from covergen.sources.musicbrainz import MusicBrainzSource
from covergen.sources.procedural import ProceduralSource
from covergen.sources.protocol import Source
from covergen.sources.spotify.source import SpotifySource
from covergen.sources.web_source import WebSource
from covergen.sources.wikipedia.source import WikipediaSource
from covergen.sources.youtube.results import YouTubePages
from covergen.sources.youtube.source import YouTube

SOURCES: dict[str, type[Source]] = {
    FolderSource.name: FolderSource,
    TableSource.name: TableSource,
    ProceduralSource.name: ProceduralSource,
}

WEB_SOURCES: dict[str, type[WebSource]] = {
    WikipediaSource.name: WikipediaSource,
    DeezerSource.name: DeezerSource,
    ITunesSource.name: ITunesSource,
    MusicBrainzSource.name: MusicBrainzSource,
    SpotifySource.name: SpotifySource,
    YouTube.name: YouTube,
    YouTubePages.name: YouTubePages,
}
