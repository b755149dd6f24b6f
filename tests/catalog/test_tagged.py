"""What taggers heard: a model's words before a heuristic's."""

from covergen.catalog.tagged import heard_moods


def mood(track: str, basis: str, **words: float) -> dict:
    return {"track_id": track, "basis": basis, "mood": list(words.items()) or None}


def test_a_heuristic_s_words_count_only_where_no_model_told_any():
    told = [
        mood("a", "heuristic", calm=0.9),
        mood("a", "model", epic=0.2, dark=0.3),
        mood("b", "heuristic", calm=0.7, sad=0.8),
        mood("b", "model"),
    ]
    assert heard_moods(told, 2) == {"a": ("dark", "epic"), "b": ("sad", "calm")}
