import numpy as np
import torch

from covergen.fusion import build
from covergen.generation.pipeline import PaintSettings
from covergen.generation.sheet import SampleSheet
from covergen.models import stable_diffusion
from covergen.training.dataset import read_examples
from tests import toys
from tests.toy_root import FRAMES, make_root


def test_a_sheet_shows_truth_words_and_sound_and_is_the_same_every_time(tmp_path):
    base = str(toys.save_stable_diffusion(tmp_path / "sd"))
    examples = read_examples(make_root(str(tmp_path / "root"), train=3), "train", base=base, offline=True)
    unet = stable_diffusion.load_unet(base)
    fusion = build("decoupled", unet, FRAMES)
    fusion.attach(unet)
    sheet = SampleSheet(base, unet, examples=examples, settings=PaintSettings(steps=2), albums=2)
    first = sheet.paint(fusion)
    assert first.shape == (3 * 36 - 4, 2 * 36 - 4, 3) and first.dtype == np.uint8
    assert np.array_equal(first, sheet.paint(fusion))
    true, words, sound = (first[row * 36 : row * 36 + 32, :32] for row in range(3))
    assert not np.array_equal(true, words)
    assert np.abs(words.astype(int) - sound).max() <= 2  # nothing is heard before training
    with torch.no_grad():
        for layer in fusion.attention:
            for weight in layer.parameters():
                weight.add_(torch.randn_like(weight))
    heard = sheet.paint(fusion)
    assert np.array_equal(heard[36 : 36 + 32], first[36 : 36 + 32])  # words alone are the base's
    assert not np.array_equal(heard[72:], first[72:])
