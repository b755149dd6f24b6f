from datetime import UTC, datetime

import pytest

from covergen.errors import BadInput, RejectCode
from covergen.sources.youtube.songs import Candidate, Song, choose

KEY = "AIza-not-a-real-key-0123456789"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # 04:00 in California


@pytest.mark.parametrize(
    ("title", "artist", "video_title", "channel"),
    [
        ("Blue Monday", "New Order", "Blue Monday", "New Order - Topic"),
        ("Hello", "Adele", "Adele - Hello (Official Music Video)", "AdeleVEVO"),
        ("Hello", "Adele", "Hello", "Adele"),
        ("Hello", "Adele", "Adele - Hello (Official Audio)", "Adele - Topic"),
        ("Hello", "Adele", "Hello | Adele | Official Video", "Somebody"),
        ("Hello", "Adele", "Adele Hello Official Video HD", "Somebody"),
        ("Never Gonna Give You Up", "Rick Astley",
         "Rick Astley - Never Gonna Give You Up (Official Video) (4K Remaster)", "RickAstleyVEVO"),
        ("Live Forever", "Oasis", "Oasis - Live Forever (Official Video)", "Oasis"),
        ("Cover Me Up", "Jason Isbell", "Jason Isbell - Cover Me Up", "Jason Isbell"),
        ("Airplanes", "B.o.B; Hayley Williams",
         "B.o.B - Airplanes ft. Hayley Williams [Official Video]", "B.o.B"),
        ("Sweet Molly", "ALTER", 'ALTER "Sweet Molly" Official MV', "Label"),
        ("Bohemian Rhapsody - Remastered 2011", "Queen",
         "Queen – Bohemian Rhapsody (Official Video Remastered)", "Queen Official"),
        ("Dynamite", "BTS", "BTS (방탄소년단) 'Dynamite' Official MV", "HYBE LABELS"),
        ("Sweet Child O' Mine", "Guns N' Roses", "Guns N' Roses - Sweet Child O' Mine (Official Video)", "x"),
        ("So What", "Pink", "P!nk - So What (Official Video)", "PinkVEVO"),
        ("This Is the Day", "The The", "This Is The Day", "TheTheVEVO"),
        ("Help!", "The Beatles", "Help!", "TheBeatlesVEVO"),
        ("Audio", "LSD", "LSD - Audio (Official Video)", "LSDVEVO"),
        ("Closed On Sunday", "Kanye West", "Kanye West - Closed On Sunday", "KanyeWestVEVO"),
    ],
)  # fmt: skip
def test_a_video_is_known_as_the_song(title, artist, video_title, channel):
    assert choose(Song("a", "t", title, artist), [Candidate("v", video_title, channel)]).video_id == "v"


@pytest.mark.parametrize(
    ("title", "artist", "video_title", "channel", "live"),
    [
        ("Hello", "Adele", "Adele - Hello (Karaoke Version)", "Sing King", False),
        ("Hello", "Adele", "Adele - Hello", "Sing King Karaoke", False),
        ("Hello", "Adele", "Adele - Hello (Live at the NRJ Awards)", "AdeleVEVO", False),
        ("Hello", "Adele", "Hello - Adele (Cover by Someone)", "Someone", False),
        ("Hello", "Adele", "Adele - Hello | REACTION", "Reactor", False),
        ("Hello", "Adele", "Adele Hello Reaction Video", "Reactor", False),
        ("Hello", "Adele", "Adele - Hello (Someone Remix)", "DJ", False),
        ("Hello", "Adele", "Adele - Hello (Mixed)", "DJ", False),
        ("Hello", "Adele", "Adele Mix", "Mixer", False),
        ("Hello", "Adele", "Hello", "Lionel Richie - Topic", False),
        ("Hello", "Adele", "Lionel Richie - Hello (Official Video)", "LionelRichieVEVO", False),
        ("Hello", "Adele", "Adele - Hello", "Adele", True),
        ("Hello", "Adele", "Adele - Someone Like You", "AdeleVEVO", False),
        ("Hello", "Theory", "Hello", "Ory", False),
        ("Hello", "Adele", "Reactor 'Hello' Reaction", "Reactor", False),
        ("One", "U2", "U2 - One Tree Hill", "U2VEVO", False),
        ("Love", "X", "X - Love Song (Official Video)", "X", False),
        ("Hello", "Adele", "Adele - Hello (1 HOUR LOOP)", "Looper", False),
        ("Hello", "Adele", "Adele - Hello (slowed + reverb)", "Slow", False),
    ],
)
def test_a_video_of_another_song_or_rendition_is_refused(title, artist, video_title, channel, live):
    with pytest.raises(BadInput) as refused:
        choose(Song("a", "t", title, artist), [Candidate("v", video_title, channel, live)])
    assert refused.value.code is RejectCode.NO_MATCH
    assert "Hello" in refused.value.reason or title != "Hello"


def test_topic_then_the_artist_then_official_then_anybody():
    offered = [
        Candidate("anybody", "Adele - Hello", "Somebody"),
        Candidate("official", "Adele - Hello (Official Video)", "XL Recordings"),
        Candidate("own", "Adele - Hello", "AdeleVEVO"),
        Candidate("topic", "Hello", "Adele - Topic"),
    ]
    for left in range(4, 0, -1):
        assert choose(Song("a", "t", "Hello", "Adele"), offered[:left]).video_id == offered[left - 1].video_id
    with pytest.raises(BadInput, match="nothing"):
        choose(Song("a", "t", "Hello", "Adele"), [])
