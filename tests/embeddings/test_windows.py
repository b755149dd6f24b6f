"""Equal windows from clips of any length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.embeddings.windows import count_windows, cut_windows
from covergen.errors import BadInput, ConfigError, RejectCode


def _ramp(length: int) -> np.ndarray:
    return np.arange(length, dtype=np.float32)


def test_windows_that_fill_a_clip_lie_side_by_side():
    assert cut_windows(_ramp(10), 2, 5).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_windows_of_a_long_clip_lie_in_the_middle_of_their_shares():
    assert cut_windows(_ramp(40), 2, 5)[:, 0].tolist() == [8, 28]


def test_windows_overlap_evenly_in_a_short_clip():
    assert cut_windows(_ramp(7), 3, 5)[:, 0].tolist() == [0, 1, 2]


def test_a_clip_of_one_window_is_heard_again():
    assert cut_windows(_ramp(5), 2, 5)[:, 0].tolist() == [0, 0]


@given(length=st.integers(5, 60), count=st.integers(1, 8))
def test_windows_are_pieces_of_the_clip(length, count):
    windows = cut_windows(_ramp(length), count, 5)
    assert windows.shape == (count, 5)
    assert (np.diff(windows, axis=1) == 1).all(), "no window is padded or joined"
    assert windows.min() >= 0 and windows.max() < length
    if length < count * 5:
        assert windows[0, 0] == 0
        assert windows[-1, -1] == (length - 1 if count > 1 else 4)


def test_less_than_a_window_is_too_short():
    with pytest.raises(BadInput) as refusal:
        cut_windows(_ramp(4), 1, 5)
    assert refusal.value.code == RejectCode.TOO_SHORT


def test_seconds_must_be_whole_windows():
    assert count_windows(25.0, 5.0) == 5
    with pytest.raises(ConfigError, match=r"seconds=12 is not a whole number .* take 10"):
        count_windows(12.0, 5.0)
    with pytest.raises(ConfigError, match="take 5"):
        count_windows(1.0, 5.0)
