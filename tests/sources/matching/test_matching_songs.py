import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.matching.matching import TrackCandidate, best_track
from covergen.sources.web_source import WantedTrack


def song(title, artist="Zoë", **more):
    return TrackCandidate(title, artist, title, **more)


def test_songs_match_by_isrc_then_by_name():
    track = WantedTrack("t", "Rain", "Zoë", isrc="GBDUW0000059")
    other = song("Sun", "Somebody", isrc="gb-duw-0000059")
    assert best_track(track, [song("Rain"), other]) is other
    assert best_track(track, [song("Rain (Live)"), song("Rain - 2011 Remaster"), song("Rain")]).id == "Rain"
    for title in (
        "Rain (feat. Sun)",
        "Rain feat. Sun",
        "rain",
        "Rain (Album Version)",
        "Rain - Remastered 2009",
    ):
        assert best_track(track, [song(title)]).id == title


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (song("Rain (Live)"), "another title"),
        (song("Rain - Radio Edit"), "another title"),
        (song("Rain (Mixed)"), "mixed by a DJ"),
        (song("Rain", album="Zoë Karaoke"), "karaoke"),
        (song("Rain", "Zoë Tribute Band"), "a tribute"),
        (song("Rain", "Zoes"), "another artist"),
    ],
)
def test_other_songs_are_refused(offered, reason):
    with pytest.raises(BadInput, match=f": {reason}$") as problem:
        best_track(WantedTrack("t", "Rain", "Zoë"), [offered])
    assert problem.value.code is RejectCode.NO_MATCH


def test_the_song_on_the_wanted_album_wins():
    offered = [
        song("Rain", album="Hits"),
        song("Rain", "Zoë & Sun", album="Blue"),
        song("RAIN", album="Blue"),
    ]
    assert best_track(WantedTrack("t", "Rain", "Zoë"), offered, album="Blue (Deluxe)") is offered[2]
    assert best_track(WantedTrack("t", "Rain", "Zoë"), offered) is offered[0]
    assert best_track(WantedTrack("t", "Rain", "Zoë & Sun"), offered).artist == "Zoë & Sun"
