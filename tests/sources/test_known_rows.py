from covergen.sources.known_rows import merged

KNOWN = {
    "track_id": "t", "title": "Blue", "isrc": None, "views": 3, "external_ids": [("deezer", "1")],
    "source": "table", "licence": "CC0-1.0", "genres": ["rock"],
}  # fmt: skip


def told(source: str, **facts: object) -> dict[str, object]:
    return {"track_id": "t", "source": source, **facts}


def test_another_source_fills_gaps_and_corrects_nothing():
    row = merged(KNOWN, told("deezer", title="BLUE", isrc="X", genres=["pop", "rock"], licence="deezer"))
    assert (row["title"], row["isrc"], row["genres"]) == ("Blue", "X", ["rock", "pop"])


def test_the_row_is_bound_by_all_who_told():
    row = merged(KNOWN, told("deezer", licence="deezer-terms"))
    again = merged(row, told("spotify", licence="spotify-terms"))
    assert again["source"] == "table; deezer; spotify"
    assert again["licence"] == "CC0-1.0; deezer-terms; spotify-terms"
    assert merged(again, told("deezer", licence="deezer-terms")) == again


def test_counts_and_addresses_are_as_told_last():
    row = merged(KNOWN, told("youtube", views=7, preview_url=None))
    assert row["views"] == 7
    assert merged(row, told("youtube", views=None))["views"] == 7


def test_ids_elsewhere_are_united_and_the_first_stays():
    row = merged(KNOWN, told("deezer", external_ids=[("deezer", "2"), ("isrc", "X")]))
    assert row["external_ids"] == {"deezer": "1", "isrc": "X"}


def test_who_told_all_of_a_row_replaces_it():
    assert merged(KNOWN, told("table", title="Red")) == told("table", title="Red")


def test_the_first_of_several_may_correct():
    joined = merged(KNOWN, told("deezer", isrc="X"))
    row = merged(joined, told("table", title="Red", isrc=None))
    assert (row["title"], row["isrc"], row["source"]) == ("Red", "X", "table; deezer")
