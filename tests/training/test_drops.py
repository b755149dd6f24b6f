import pytest
import torch

from covergen.errors import ConfigError
from covergen.training.batches import DropRates, draw


def test_shares_are_as_asked():
    audio_mask, text_mask = draw(100_000, DropRates(), generator=torch.Generator().manual_seed(0))
    assert abs(float((~audio_mask & text_mask).float().mean()) - 0.10) < 0.005
    assert abs(float((audio_mask & ~text_mask).float().mean()) - 0.10) < 0.005
    assert abs(float((~audio_mask & ~text_mask).float().mean()) - 0.05) < 0.005


def test_no_drops_where_none_are_asked_for():
    audio_mask, text_mask = draw(100, DropRates(0, 0, 0), generator=torch.Generator().manual_seed(0))
    assert audio_mask.all()
    assert text_mask.all()


def test_dropping_everything_is_refused():
    with pytest.raises(ConfigError, match=r"0\.7"):
        DropRates(audio=0.7, text=0.3, both=0.1)
