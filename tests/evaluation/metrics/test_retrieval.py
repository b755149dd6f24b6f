import numpy as np
import pytest

from covergen.evaluation.metrics.retrieval import hits_at, ranks, read_vectors, true_vectors
from covergen.procedural.factors import draw_album

TRUTH = [draw_album(k, "eval").factors for k in range(80)]
GALLERY = true_vectors(TRUTH)


def test_a_perfect_query_ranks_first():
    assert ranks(GALLERY, GALLERY).tolist() == [1] * 80


def test_a_reading_has_the_order_of_the_true_vectors():
    fields = ("hue", "brightness", "energy", "density")
    reading = {name: np.array([getattr(f, name) for f in TRUTH]) for name in fields}
    np.testing.assert_allclose(read_vectors(reading), GALLERY, atol=1e-6)


def test_ranks_agree_with_a_plain_sort():
    queries = GALLERY + np.random.default_rng(0).normal(0, 0.3, GALLERY.shape)
    spread = GALLERY.std(axis=0)
    expected = []
    for row, query in enumerate(queries):
        distances = [float(np.sum(((query - song) / spread) ** 2)) for song in GALLERY]
        expected.append(sorted(range(80), key=distances.__getitem__).index(row) + 1)
    assert ranks(queries, GALLERY).tolist() == expected


def test_a_painter_that_ignores_the_song_is_at_chance():
    constant = np.tile(GALLERY.mean(axis=0), (80, 1))
    assert hits_at(ranks(constant, GALLERY), 10).mean() == pytest.approx(10 / 80)


def test_ties_count_against_the_query():
    gallery = np.repeat(GALLERY[:1], 5, axis=0)
    assert ranks(gallery, gallery).tolist() == [5] * 5


def test_hits_rise_with_k():
    rank = np.array([1, 4, 10, 11])
    assert hits_at(rank, 1).tolist() == [1, 0, 0, 0]
    assert hits_at(rank, 10).tolist() == [1, 1, 1, 0]


def test_sets_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        ranks(GALLERY[:3], GALLERY)
