import numpy as np
import pytest

from covergen.evaluation.metrics.audio_effect import picture_difference

BASE = np.full((8, 8, 3), 100, np.uint8)


def test_difference_on_pixels_of_zero_to_one():
    assert picture_difference(BASE, BASE) == 0
    assert picture_difference(BASE, BASE + 51) == pytest.approx(0.2)
    assert picture_difference(BASE + 51, BASE) == pytest.approx(0.2)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        picture_difference(BASE, BASE[:4])
