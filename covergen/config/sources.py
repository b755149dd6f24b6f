"""The sections of a config that name sources, and what every section is."""

from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A frozen section that knows its keys. A key that may be null takes the word `none` for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _none_is_null(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        nullable = {
            name for name, field in cls.model_fields.items() if NoneType in get_args(field.annotation)
        }
        return {
            name: None if name in nullable and isinstance(value, str) and value.lower() == "none" else value
            for name, value in given.items()
        }


class FolderSource(Section):
    """One's own music: a folder with tagged files."""

    name: Literal["folder"]
    path: str = Field(description="the folder")


class TableSource(Section):
    """A catalogue as CSV, JSON or Parquet."""

    name: Literal["table"]
    path: str = Field(description="the file")


class ProceduralSource(Section):
    """Albums of the controlled world."""

    name: Literal["procedural"]
    train: int = Field(ge=0, description="albums to train on")
    evaluation: int = Field(ge=0, description="albums no training may see")
    seed: int = Field(0, ge=0, description="where in each split's seeds to begin")


class WebSection(Section):
    """A source on the web; `base` stands in for its address, a local server's for one."""

    base: str | None = Field(None, description="the address it asks, where that is not the service's own")


class WikipediaSource(WebSection):
    """Wikipedia's lists of albums."""

    name: Literal["wikipedia"]
    years: tuple[int, ...] | None = Field(
        None, min_length=1, description="years, all of 1980 to 2024 unless named"
    )


class DeezerSource(WebSection):
    """Songs, previews and covers of known albums, from Deezer."""

    name: Literal["deezer"]


class ITunesSource(WebSection):
    """Songs, previews and covers of known albums, from the iTunes Search API."""

    name: Literal["itunes"]
    country: str = Field("us", description="the store, two letters")
    cover_size: int = Field(1000, ge=100, le=3000, description="pixels of a cover")


class MusicBrainzSource(WebSection):
    """Genres, songs and covers of known albums, from MusicBrainz and the Cover Art Archive."""

    name: Literal["musicbrainz"]
    covers: str | None = Field(None, description="the Cover Art Archive's address, where it is another")


class SpotifySource(WebSection):
    """Songs of known albums, from Spotify's Web API, with credentials of one's own."""

    name: Literal["spotify"]
    accept_terms: bool = Field(False, description="you have read its developer terms and accept them")
    surface: Literal["development", "extended"] = Field("development", description="what the app may ask")
    token_url: str | None = Field(None, description="where tokens are given, where that is another place")
    market: str | None = Field(None, description="country whose catalogue is searched, two letters")
    artist_genres: bool = Field(False, description="ask the artists for genres; needs the extended surface")
    requests_per_window: int = Field(
        30, ge=1, description="requests in any 30 s; Spotify publishes no number"
    )


class YouTubeSource(WebSection):
    """Views of known songs, from YouTube's Data API, with a key of one's own."""

    name: Literal["youtube"]
    searches: bool = Field(True, description="search songs whose video is not known, 100 a day")
    daily_videos: int = Field(10_000, ge=1, description="the project's quota of units a day")
    daily_searches: int = Field(100, ge=0, description="the project's quota of searches a day")


class YouTubePagesSource(WebSection):
    """Views of known songs, from YouTube's results pages; against robots.txt and the terms, so off."""

    name: Literal["youtube_pages"]
    override_robots: bool = Field(
        False, description="ask although robots.txt disallows it, on your own account"
    )


SourceConfig = Annotated[
    FolderSource
    | TableSource
    | ProceduralSource
    | WikipediaSource
    | DeezerSource
    | ITunesSource
    | MusicBrainzSource
    | SpotifySource
    | YouTubeSource
    | YouTubePagesSource,
    Field(discriminator="name"),
]
