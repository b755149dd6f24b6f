"""MusicGen on random weights saved in the released layout, beside transformers' own MusicGen."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional

from covergen.embeddings import musicgen
from covergen.embeddings.musicgen import MusicGen
from covergen.errors import ConfigError, ModelError
from tests import toy_encoders

WINDOWS = np.random.default_rng(0).normal(0, 0.3, (3, 160_000)).astype(np.float32)
START = 64


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("musicgen")
    return folder, toy_encoders.save_musicgen(folder)


@pytest.fixture(scope="module")
def small(saved) -> Path:
    return saved[0]


@pytest.fixture
def copy(small, tmp_path) -> Path:
    return shutil.copytree(small, tmp_path / "copy")


def rewritten(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def reconfigured(folder: Path, part: str, **settings: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config[part] |= settings
    (folder / "config.json").write_text(json.dumps(config))


def test_the_released_layout_holds_more_than_is_loaded(small):
    names = set(load_file(small / "model.safetensors"))
    for begin in (
        "text_encoder.",
        "enc_to_dec_proj.",
        "decoder.lm_heads.",
        "audio_encoder.",
        "decoder.model.",
    ):
        assert any(name.startswith(begin) for name in names), begin
    assert "audio_encoder.encoder.layers.0.conv.weight_g" in names
    assert "decoder.model.decoder.embed_positions.weights" in names


def test_every_tensor_that_is_run_arrives(saved):
    folder, original = saved
    codec, decoder = musicgen.load_musicgen(folder)
    for loaded, reference in ((codec, original.audio_encoder), (decoder, original.decoder.model)):
        known = reference.state_dict()
        assert len(loaded.state_dict()) > 40
        for name, value in loaded.state_dict().items():
            assert torch.equal(value, known[name]), name
    assert not codec.training and not decoder.training


def test_frames_are_what_the_whole_model_hears_without_words(saved):
    """transformers' own pass without a text: states of zeros, all masked, through all of its layers."""
    folder, original = saved
    encoder = MusicGen(str(folder), layers=(0, 2, 4))
    frames = encoder(WINDOWS)
    assert frames.shape == (3, 3, 10, 32) == (3, encoder.layers, 10, encoder.width)
    silent = original.get_unconditional_inputs(num_samples=3)
    with torch.no_grad():
        codes = original.audio_encoder.encode(torch.from_numpy(WINDOWS)[:, None]).audio_codes[0]
        assert codes.shape == (3, 4, 250) and len(codes.unique()) > 20
        output = original(
            encoder_outputs=silent.encoder_outputs,
            attention_mask=silent.attention_mask,
            decoder_input_ids=musicgen.delayed(codes, start=START).reshape(12, 251),
            output_hidden_states=True,
        )
    for layer, index in enumerate((0, 2, 4)):
        hidden = output.decoder_hidden_states[index][:, 1:]
        expected = functional.adaptive_avg_pool1d(hidden.transpose(1, 2), 10).transpose(1, 2)
        assert np.allclose(frames[:, layer], expected.numpy(), atol=1e-4)


def test_steps_are_those_that_generation_would_continue_from(saved):
    codes = torch.arange(2 * 4 * 6).reshape(2, 4, 6)
    prompt = functional.pad(codes, (1, 0), value=START).reshape(8, 7)
    expected, _ = saved[1].decoder.build_delay_pattern_mask(prompt, pad_token_id=START, max_length=20)
    steps = musicgen.delayed(codes, start=START)
    assert torch.equal(steps.reshape(8, 7), expected)
    assert steps[0, 3].tolist() == [START, START, START, START, 18, 19, 20]


def test_a_frame_knows_the_past_and_not_the_future(small):
    encoder = MusicGen(str(small), layers=(4,))
    other = WINDOWS.copy()
    other[:, -32_000:] = other[:, :32_000]
    first, second = encoder(WINDOWS), encoder(other)
    assert np.allclose(first[:, :, :7], second[:, :, :7], atol=1e-5)
    assert np.abs(first[:, :, 8:] - second[:, :, 8:]).max() > 0.01
    other = WINDOWS.copy()
    other[:, :32_000] = 0
    assert np.abs(encoder(other)[:, :, -1] - first[:, :, -1]).max() > 1e-3, "the past reaches the last frame"


def test_rows_do_not_see_their_neighbours(small):
    encoder = MusicGen(str(small))
    assert np.allclose(encoder(WINDOWS)[1:2], encoder(WINDOWS[1:2]), atol=1e-5)


def test_the_same_music_is_always_heard_alike(small):
    """The configuration asks for dropout of a tenth, which belongs to training."""
    encoder = MusicGen(str(small))
    assert encoder.model[1].config.dropout == 0.1
    assert np.array_equal(encoder(WINDOWS), encoder(WINDOWS))


def test_bfloat16_rounds_states_and_exchanges_no_code(small, monkeypatch):
    drawn = []
    delayed = musicgen.delayed
    monkeypatch.setattr(
        musicgen, "delayed", lambda codes, start: drawn.append(codes) or delayed(codes, start=start)
    )
    exact, rounded = MusicGen(str(small))(WINDOWS), MusicGen(str(small), bf16=True)(WINDOWS)
    assert torch.equal(*drawn)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).mean() < 0.02


def test_words_are_neither_needed_nor_loaded(copy, small):
    def forget(tensors):
        for name in [
            name for name in tensors if name.startswith(("text_encoder.", "enc_to_dec", "decoder.lm_"))
        ]:
            del tensors[name]

    rewritten(copy, forget)
    assert np.array_equal(MusicGen(str(copy))(WINDOWS[:1]), MusicGen(str(small))(WINDOWS[:1]))


def test_weights_in_several_files_are_one_model(copy, small):
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    for part, chosen in enumerate((names[::2], names[1::2]), start=1):
        save_file({name: tensors[name] for name in chosen}, copy / f"model-0000{part}-of-00002.safetensors")
    assert np.array_equal(MusicGen(str(copy))(WINDOWS[:1]), MusicGen(str(small))(WINDOWS[:1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("decoder.model.decoder.layers.2.fc1.weight"), "1 keys differ, decoder.layers.2.fc1"),
        (
            lambda t: t.pop("audio_encoder.quantizer.layers.1.codebook.embed"),
            "1 keys differ, quantizer.layers.1",
        ),
        (lambda t: t.update({"audio_encoder.extra": torch.zeros(1)}), "1 keys differ, extra"),
        (lambda t: t.update({"decoder.model.decoder.layer_norm.bias": torch.zeros(3)}), "layer_norm.bias"),
        (
            lambda t: t.update({"audio_enc_to_dec_proj.weight": torch.zeros(1)}),
            "it holds audio_enc_to_dec_proj",
        ),
    ],
    ids=["missing", "missing codes", "surplus", "shape", "foreign"],
)
def test_no_tensor_is_left_random_or_over(copy, change, message):
    rewritten(copy, change)
    with pytest.raises(ModelError, match=f"of another architecture: .*{message}"):
        musicgen.load_musicgen(copy)


def test_what_is_no_weights_file_says_so(copy):
    (copy / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match=r"MusicGen in .* cannot be loaded"):
        musicgen.load_musicgen(copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"has no weights; model\*\.safetensors must lie there"):
        musicgen.load_musicgen(copy)


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("decoder", {"audio_channels": 2}),
        ("audio_encoder", {"sampling_rate": 48_000}),
        ("audio_encoder", {"upsampling_ratios": [8, 5, 4, 2]}),
    ],
)
def test_other_releases_are_refused(copy, part, settings):
    reconfigured(copy, part, **settings)
    with pytest.raises(ModelError, match="take a mono release of 32000 Hz and 50 steps"):
        MusicGen(str(copy))


def test_a_folder_without_a_musicgen_says_what_to_name(tmp_path):
    with pytest.raises(ModelError, match=r"no MusicGen at .* name one of musicgen or a folder"):
        MusicGen(str(tmp_path))
    for content in ("[]", '{"model_type": "musicgen"}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ModelError, match="describes no"):
            MusicGen(str(tmp_path))
    (tmp_path / "config.json").write_text('{"audio_encoder": {}, "decoder": {}}')
    with pytest.raises(ModelError, match="hears 1 channels of 24000 Hz in 75 steps"):
        MusicGen(str(tmp_path))


def test_the_preset_knows_its_shape_and_digest_without_weights():
    encoder = MusicGen("musicgen", offline=True)
    assert (encoder.layers, encoder.width, encoder.states) == (4, 1024, (6, 12, 18, 24))
    assert len(encoder.digest) == 64
    assert all(len(preset.revision) == 40 for preset in musicgen.PRESETS.values())
    with pytest.raises(ModelError, match=r"are not in the local cache .* offline was chosen"):
        encoder(WINDOWS)


def test_the_digest_follows_weights_and_settings(small, tmp_path):
    digests = [
        MusicGen(str(small)).digest,
        MusicGen(str(small), layers=(1,)).digest,
        MusicGen(str(small), frame_rate=1.0).digest,
        MusicGen(str(small), bf16=True).digest,
    ]
    toy_encoders.save_musicgen(tmp_path, seed=1)
    assert len({*digests, MusicGen(str(tmp_path)).digest}) == 5
    assert MusicGen(str(small)).digest == digests[0]


@pytest.mark.parametrize(
    "arguments", [{"layers": (25,)}, {"layers": ()}, {"frame_rate": 3.3}, {"frame_rate": 60}]
)
def test_what_it_cannot_do_is_refused(arguments):
    with pytest.raises(ConfigError, match="musicgen"):
        MusicGen("musicgen", **arguments)


@pytest.mark.slow
def test_the_full_architecture_listens_without_a_text_encoder(tmp_path):
    toy_encoders.save_full_musicgen(tmp_path)
    encoder = MusicGen(str(tmp_path))
    assert (encoder.layers, encoder.width, encoder.states) == (4, 1024, (6, 12, 18, 24))
    codec, decoder = encoder.model
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert not any(name.startswith("text_encoder.") for name in file.keys())  # noqa: SIM118
        for prefix, part in (("audio_encoder.", codec), ("decoder.model.", decoder)):
            for name, value in part.state_dict().items():
                saved = file.get_tensor(toy_encoders.released_name(prefix + name))
                assert torch.equal(value, saved.float()), name
    assert 300e6 < sum(value.numel() for value in decoder.parameters()) < 320e6
    assert codec.config.num_quantizers == decoder.config.num_codebooks == 4
    frames = encoder(WINDOWS[:1])
    assert frames.shape == (1, 4, 10, 1024)
    assert np.isfinite(frames).all() and frames.std() > 0
