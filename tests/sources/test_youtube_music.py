import json
from datetime import UTC, datetime

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.identity import album_id
from covergen.sources.youtube_music import read_music_album
from covergen.storage import rows
from covergen.storage.tables import ALBUMS, MEDIA, TRACKS

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def text(words):
    return {"runs": [{"text": word} for word in words]}


def song(number, title, video_id, length="0:51"):
    return {
        "flexColumns": [
            {"musicResponsiveListItemFlexColumnRenderer": {"text": text([told])}}
            for told in (title, "New Order", "26M plays")
        ],
        "fixedColumns": [{"musicResponsiveListItemFixedColumnRenderer": {"text": text([length])}}],
        "index": text([str(number)]),
        "overlay": {"watchEndpoint": {"videoId": video_id}},
    }


def album(**header):
    pictures = [{"url": f"https://example.org/{width}", "width": width} for width in (60, 544, 226)]
    told = {"title": text(["Substance"]), "subtitle": text(["Album", " • ", "1987"]), **header}
    songs = [song(1, "Ceremony", "video000001"), song(2, "Blue Monday", "video000002", "1:07:29")]
    return {
        "header": {
            "musicResponsiveHeaderRenderer": {
                "straplineTextOne": text(["New Order"]),
                "thumbnail": {"musicThumbnailRenderer": {"thumbnail": {"thumbnails": pictures}}},
                **told,
            }
        },
        "shelf": {
            "musicShelfRenderer": {"contents": [{"musicResponsiveListItemRenderer": s} for s in songs]}
        },
        "microformat": {
            "microformatDataRenderer": {"urlCanonical": "https://music.youtube.com/playlist?list=X"}
        },
    }


def test_an_album_is_read():
    found = read_music_album(album(), NOON)
    for table, records in ((ALBUMS, found.albums), (TRACKS, found.tracks), (MEDIA, found.media)):
        assert rows.from_records(table, records).num_rows == len(records)
    assert found.albums[0]["album_id"] == album_id("New Order", "Substance", 1987)
    assert [
        (t["number"], t["title"], t["external_ids"]["youtube"], t["duration_ms"]) for t in found.tracks
    ] == [
        (1, "Ceremony", "video000001", 51_000),
        (2, "Blue Monday", "video000002", 4_049_000),
    ]
    assert found.media[0]["uri"] == "https://example.org/544"


def test_an_untitled_song_refuses_no_album():
    told = album()
    told["shelf"]["musicShelfRenderer"]["contents"][0]["musicResponsiveListItemRenderer"]["flexColumns"] = []
    found = read_music_album(told, NOON)
    assert [track["title"] for track in found.tracks] == ["Blue Monday"]
    assert [reject.key for reject in found.rejects] == ["New Order: Substance (youtube_music), song 1"]


@pytest.mark.parametrize("answer", [{}, {"musicShelfRenderer": {}}, album(title=None)])
def test_what_is_no_album_is_refused(answer):
    with pytest.raises(BadInput) as refused:
        read_music_album(answer, NOON)
    assert refused.value.code is RejectCode.NEW_LAYOUT


# Read off the answer by eye: title and length.
SEVENTEEN = [
    ("The Explanation", "0:51"), ("Jocelyn Flores", "2:00"), ("Depression & Obsession", "2:25"),
    ("Everybody Dies In Their Nightmares", "1:36"), ("Revenge", "2:01"), ("Save Me", "2:44"),
    ("Dead Inside (Interlude)", "1:27"), ("Fuck Love", "2:27"),
    ("Carry On", "2:10"), ("Orlando", "2:44"), ("Ayala (Outro)", "1:40"),
]  # fmt: skip


@pytest.mark.samples
def test_a_real_album_is_read_as_a_person_reads_it(samples):
    answer = json.loads((samples / "samples" / "youtube" / "music_album.json").read_text())
    found = read_music_album(answer, NOON)
    (told,) = found.albums
    assert (told["artist"], told["title"], told["release_date"]) == ("XXXTENTACION", "17", "2017")
    lengths = [
        (t["title"], f"{t['duration_ms'] // 60_000}:{t['duration_ms'] // 1000 % 60:02d}")
        for t in found.tracks
    ]
    assert lengths == SEVENTEEN
    assert [t["number"] for t in found.tracks] == list(range(1, 12))
    assert found.tracks[0]["external_ids"] == {"youtube": "0m68rsj48X0"}
    assert found.media[0]["uri"].endswith("=w544-h544-l90-rj")
