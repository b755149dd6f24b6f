from covergen.sources.known_rows import merged

KNOWN = {
    "track_id": "t", "title": "Blue", "isrc": None, "views": 3, "external_ids": [("deezer", "1")],
    "source": "table", "licence": "CC0-1.0", "genres": ["rock"],
}  # fmt: skip


def row_of(source: str, **facts: object) -> dict[str, object]:
    return {"track_id": "t", "source": source, **facts}


def test_another_source_fills_gaps_and_corrects_nothing():
    row = merged(KNOWN, row_of("deezer", title="BLUE", isrc="X", genres=["pop", "rock"], licence="deezer"))
    assert (row["title"], row["isrc"], row["genres"]) == ("Blue", "X", ["rock", "pop"])


def test_the_row_is_bound_by_all_who_told():
    row = merged(KNOWN, row_of("deezer", licence="deezer-terms"))
    again = merged(row, row_of("spotify", licence="spotify-terms"))
    assert again["source"] == "table; deezer; spotify"
    assert again["licence"] == "CC0-1.0; deezer-terms; spotify-terms"
    assert merged(again, row_of("deezer", licence="deezer-terms")) == again


def test_counts_and_addresses_are_as_told_last():
    row = merged(KNOWN, row_of("youtube", views=7, preview_url=None))
    assert row["views"] == 7
    assert merged(row, row_of("youtube", views=None))["views"] == 7


def test_ids_elsewhere_are_united_and_the_first_stays():
    row = merged(KNOWN, row_of("deezer", external_ids=[("deezer", "2"), ("isrc", "X")]))
    assert row["external_ids"] == {"deezer": "1", "isrc": "X"}


def test_who_told_all_of_a_row_replaces_it():
    assert merged(KNOWN, row_of("table", title="Red")) == row_of("table", title="Red")


def test_the_first_of_several_may_correct():
    joined = merged(KNOWN, row_of("deezer", isrc="X"))
    row = merged(joined, row_of("table", title="Red", isrc=None))
    assert (row["title"], row["isrc"], row["source"]) == ("Red", "X", "table; deezer")
