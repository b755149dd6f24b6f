import numpy as np
import pytest

from covergen.evaluation.metrics.retrieval import clip_scores


def test_the_score_is_two_and_a_half_times_a_cosine_that_is_not_negative():
    pictures = np.array([[2.0, 0], [1, 1], [-3, 0], [0, 5]], np.float16)
    texts = np.array([[7.0, 0], [0, 4], [1, 0], [3, 0]], np.float16)
    np.testing.assert_allclose(clip_scores(pictures, texts), [2.5, 2.5 / np.sqrt(2), 0, 0], atol=1e-7)


def test_every_picture_needs_its_text():
    with pytest.raises(ValueError, match="differ in shape"):
        clip_scores(np.ones((2, 3)), np.ones((3, 3)))
