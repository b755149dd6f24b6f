"""What gathering will take is told before anything is sent: previews and covers too."""

from covergen.sources.deezer import DeezerSource
from covergen.sources.itunes import ITunesSource
from covergen.sources.musicbrainz import MusicBrainzSource
from covergen.sources.plan import HEADINGS, SONGS, foreseen, format_table, media_of, plan
from covergen.sources.wikipedia.source import WikipediaSource
from covergen.storage.root import Root
from tests.sources.open_sources import wanted

SOURCES = {"musicbrainz": MusicBrainzSource(), "deezer": DeezerSource(), "itunes": ITunesSource()}
COVER, PREVIEW = 300_000, 480_000  # MusicBrainz' cover, Deezer's preview


def test_each_cover_and_preview_counts_once_for_the_first_that_gives_its_kind():
    albums = [wanted("Rain", "Sun"), wanted(album_id="unknown")]
    assert media_of(SOURCES, albums, set()) == {
        "musicbrainz": 2 * COVER,
        "deezer": (2 + SONGS) * PREVIEW,
        "itunes": 0,
    }
    assert media_of({"wikipedia": WikipediaSource()}, albums, set()) == {"wikipedia": 0}


def test_what_is_there_is_not_downloaded_again():
    there = {("w", "cover"), ("t1", "audio"), ("t0", "cover")}
    assert media_of(SOURCES, [wanted("Rain", "Sun")], there)["musicbrainz"] == 0
    assert media_of(SOURCES, [wanted("Rain", "Sun")], there)["deezer"] == PREVIEW


def test_the_table_tells_answers_and_media_apart():
    albums = [wanted("Rain", album_id=str(number), title=f"Blue {number}") for number in range(1000)]
    sources = {"deezer": SOURCES["deezer"]}
    requests = list(sources["deezer"].requests(albums))
    answered = {("deezer", request.url): None for request in requests[:400]}
    (line,) = plan(sources, requests, answered, media_of(sources, albums, set()))
    cells = dict(zip(HEADINGS, line.row, strict=True))
    assert (cells["requests"], cells["answered"], cells["then about"]) == ("1,000", "400", "1,500")
    assert (cells["MB of answers"], cells["MB of media"]) == ("17", "630")  # 2,100 x 8 kB; 1,000 x 630 kB
    assert format_table([line]).splitlines()[0].split("  ")[0] == "source"


def test_a_root_that_is_still_to_be_is_told_of(tmp_path):
    text = foreseen(Root(str(tmp_path / "none")), {"wikipedia": WikipediaSource(years=[2012]), **SOURCES})
    assert "No album is known yet that musicbrainz, deezer, itunes could be asked about." in text
    assert [line.split()[0] for line in text.splitlines()[:2]] == ["source", "wikipedia"]
