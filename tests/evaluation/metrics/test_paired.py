import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.evaluation.metrics.paired import circular_error, grey_mse, paired_mse, paired_scores
from covergen.procedural.factors import draw_album

DEGREES = st.floats(-720, 720)


def perfect_reading(truth):
    return {
        name: np.array([getattr(f, name) for f in truth])
        for name in ("genre", "motif", "hue", "brightness", "energy", "density")
    }


def test_hue_error_goes_the_short_way_round():
    assert circular_error([350, 10, 0, 90], [10, 350, 180, 45]) == pytest.approx([20, 20, 180, 45])


@given(DEGREES, DEGREES)
def test_hue_error_is_symmetric_bounded_and_blind_to_full_turns(a, b):
    error = float(circular_error(a, b))
    assert 0 <= error <= 180
    assert error == pytest.approx(float(circular_error(b, a)), abs=1e-9)
    assert error == pytest.approx(float(circular_error(a + 360, b)), abs=1e-6)


def test_a_perfect_reading_has_no_errors():
    truth = [draw_album(k, "eval").factors for k in range(12)]
    scores = paired_scores(perfect_reading(truth), truth)
    for error in (scores.hue_error, scores.brightness_error, scores.energy_error, scores.density_error):
        assert error == pytest.approx(np.zeros(12))
    assert scores.genre_hit.tolist() == scores.motif_hit.tolist() == [1.0] * 12


def test_each_error_lands_in_its_own_column_and_row():
    truth = [draw_album(k, "eval").factors for k in range(3)]
    reading = perfect_reading(truth)
    reading["hue"][0] += 25
    reading["brightness"][1] += 0.25
    reading["density"][2] -= 0.5
    reading["genre"][1] = "polka"
    scores = paired_scores(reading, truth)
    assert scores.hue_error == pytest.approx([25, 0, 0])
    assert scores.brightness_error == pytest.approx([0, 0.25, 0])
    assert scores.density_error == pytest.approx([0, 0, 0.5])
    assert scores.genre_hit.tolist() == [1, 0, 1]
    assert scores.motif_hit.tolist() == [1, 1, 1]


def test_scores_refuse_another_number_of_albums():
    truth = [draw_album(k, "eval").factors for k in range(3)]
    with pytest.raises(ValueError, match="3 covers were read for 2 albums"):
        paired_scores(perfect_reading(truth), truth[:2])


def test_mse_on_pixels_of_zero_to_one():
    black, white = np.zeros((2, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 255, np.uint8)
    assert paired_mse(black, white).tolist() == [1.0, 1.0]
    assert paired_mse(white, white).tolist() == [0.0, 0.0]
    assert grey_mse(black) == pytest.approx([(128 / 255) ** 2] * 2)
    with pytest.raises(ValueError, match="differ in shape"):
        paired_mse(black, white[:1])
