"""The heuristic tagger against known music: clicks, tones, and 100 albums of the procedural world."""

import sys

import numpy as np
import pytest

from covergen.embeddings.windows import cut_windows
from covergen.procedural.factors import draw_album
from covergen.procedural.music import synthesise
from covergen.tagging.protocol import Tags
from covergen.tagging.signal import MODES, TONICS, Key, SignalTagger, key, mood, tuning

RATE = SignalTagger.sample_rate
WINDOW = round(RATE * SignalTagger.segment_seconds)


def _tags(waveform: np.ndarray) -> Tags:
    windows = cut_windows(waveform.astype(np.float32), max(1, len(waveform) // WINDOW), WINDOW)
    (tags,) = SignalTagger()(windows[None])
    return tags


def _tone(frequency: float, level: float = 0.1, seconds: float = 5.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


def _clicks(tempo: float, seconds: float = 20.0) -> np.ndarray:
    rng, song = np.random.default_rng(0), np.zeros(round(seconds * RATE))
    for start in np.arange(0.1, seconds - 0.1, 60 / tempo):
        song[int(start * RATE) : int(start * RATE) + 800] = rng.normal(0, 0.2, 800)
    return song


@pytest.mark.parametrize("tempo", [63, 90, 120, 150, 178])
def test_clicks_tell_their_tempo(tempo):
    assert _tags(_clicks(tempo)).tempo == pytest.approx(tempo, rel=0.02)


def test_where_no_beat_repeats_there_is_no_tempo():
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * WINDOW)
    assert _tags(noise).tempo is None
    assert _tags(_tone(440)).tempo is None


TIMBRES = {  # how loud each partial is
    "sine": (1.0,),
    "strings": (1.0, 0.5, 0.33, 0.25, 0.2, 0.17, 0.14, 0.12),
    "reed": (1.0, 0.1, 0.7, 0.1, 0.5, 0.1, 0.3),
    "brass": (0.5, 0.8, 1.0, 0.8, 0.5, 0.3, 0.2),
}
CADENCE = {"major": ("0 4 7", "5 9 0", "7 11 2", "0 4 7"), "minor": ("0 3 7", "5 8 0", "7 11 2", "0 3 7")}


def _piece(tonic: int, mode: str, timbre: str, *, cents: float = 0.0, times: int = 2) -> np.ndarray:
    """Tonic, subdominant, dominant and tonic as triads over their roots, in 5 s each time."""
    chords = []
    for chord in CADENCE[mode] * times:
        steps = [int(step) for step in chord.split()]
        pitches = [48 + tonic + steps[0] - 12, *(60 + (tonic + step) % 12 for step in steps)]
        notes = [440 * 2 ** ((pitch - 69 + cents / 100) / 12) for pitch in pitches]
        partials = [(note * n, level) for note in notes for n, level in enumerate(TIMBRES[timbre], 1)]
        chords.append(sum(_tone(hertz, 0.02 * level, 1.25) for hertz, level in partials if hertz < RATE / 2))
    return np.concatenate(chords)


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("mode", MODES)
def test_a_cadence_tells_its_key_in_every_key_and_timbre(mode, timbre):
    told = {TONICS[tonic]: _tags(_piece(tonic, mode, timbre, times=1)) for tonic in range(12)}
    assert {tonic: (tags.key, tags.mode) for tonic, tags in told.items()} == {
        tonic: (tonic, mode) for tonic in TONICS
    }


@pytest.mark.parametrize("cents", [-40, -25, 25, 40])
def test_a_song_that_is_not_tuned_to_440_hz_tells_its_key(cents):
    piece = _piece(1, "major", "strings", cents=cents)
    tags = _tags(piece)
    assert (tags.key, tags.mode) == ("C#", "major")
    spectrum = np.abs(np.fft.rfft(piece[:8192] * np.hanning(8192)))[None]
    assert tuning(spectrum) == pytest.approx(cents / 100, abs=0.05)


def test_halves_that_disagree_leave_the_key_in_doubt():
    apart = np.concatenate([_piece(0, "major", "strings"), _piece(6, "major", "strings")])
    tags = _tags(apart)
    assert _tags(apart[: len(apart) // 2]).key == "C"
    assert tags.key is None and tags.mode == "major"
    modes = np.concatenate([_piece(0, "major", "strings"), _piece(6, "minor", "strings")])
    assert (_tags(modes).key, _tags(modes).mode) == (None, None)


def test_where_all_pitches_sound_alike_there_is_no_key():
    assert key(np.ones((2, 12), np.float32)) is None


def _cluster(lowest: int) -> np.ndarray:
    return sum(_tone(440 * 2 ** (step / 12), 0.03) for step in range(lowest, lowest + 12))


NOISE = {
    "white": lambda rng: rng.normal(0, 0.1, 2 * WINDOW),
    "pink": lambda rng: _sloped(rng, 0.5),
    "brown": lambda rng: _sloped(rng, 1.0),
    "clicks": lambda rng: _clicks(rng.uniform(60, 180)),
    "a cluster": lambda rng: _cluster(rng.integers(-21, 10)),
}


def _sloped(rng: np.random.Generator, power: float) -> np.ndarray:
    """Noise whose amplitude falls with that power of the frequency."""
    spectrum = np.fft.rfft(rng.normal(size=2 * WINDOW))
    noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** power)
    return 0.1 * noise / noise.std()


@pytest.mark.parametrize("kind", NOISE)
def test_noise_has_no_key(kind):
    for seed in range(5):
        tags = _tags(NOISE[kind](np.random.default_rng(seed)))
        assert (tags.key, tags.mode) == (None, None)


def test_a_tune_above_noise_keeps_its_key():
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * WINDOW)
    tags = _tags(_piece(1, "minor", "strings")[: len(noise)] + noise)
    assert (tags.key, tags.mode) == ("C#", "minor")


def test_energy_follows_the_level_and_brightness_the_treble():
    quiet, loud = _tags(_tone(440, 0.05)), _tags(_tone(440, 0.5))
    assert loud.energy - quiet.energy == pytest.approx(20 / 26, abs=0.01)
    assert quiet.brightness == pytest.approx(loud.brightness, abs=0.01) == 0
    dull, half, bright = (_tags(_tone(400, 0.2) + _tone(4000, level)).brightness for level in (0, 0.02, 0.2))
    assert dull < half < bright
    assert _tags(np.zeros(WINDOW)).energy == 0


@pytest.mark.parametrize(
    ("energy", "tempo", "majorness", "brightness", "words"),
    [
        (1.0, 170.0, 0.5, 1.0, ["happy", "energetic"]),
        (0.9, 150.0, -0.5, 0.0, ["energetic", "dramatic"]),
        (0.1, 65.0, 0.5, 0.6, ["calm", "relaxing"]),
        (0.1, 65.0, -0.5, 0.0, ["melancholic", "calm"]),
        (0.68, 120.0, 0.0, 0.5, []),
        (0.1, 65.0, -0.1, 0.0, ["calm"]),
        (0.3, 150.0, -0.5, 0.3, ["calm"]),
        (0.1, None, -0.5, 0.0, ["calm"]),
        (0.3, 59.0, -0.3, 0.65, ["calm"]),
        (0.1, 65.0, 0.5, 0.0, ["calm", "relaxing"]),
    ],
)
def test_mood_words_lie_on_the_circle_and_the_middle_is_unsure(energy, tempo, majorness, brightness, words):
    scores = mood(tempo, Key("C", "major", majorness), energy=energy, brightness=brightness)
    assert list(scores) == words
    assert all(0.65 <= score <= 1 for score in scores.values())
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_it_calls_itself_a_heuristic_and_judges_neither_genre_nor_instrument():
    tagger = SignalTagger()
    assert tagger.basis == "heuristic" and "heuristic" in SignalTagger.__doc__
    tags = _tags(_clicks(100))
    assert tags.genre is None and tags.instrument is None and tags.mood is not None
    assert len(tagger.digest) == 64


def test_songs_do_not_see_their_neighbours():
    songs = np.stack([_clicks(90, 5.0), _tone(440)])[:, None].astype(np.float32)
    assert SignalTagger()(songs)[1] == SignalTagger()(songs[1:])[0]


@pytest.fixture(scope="module")
def heard() -> list[tuple]:
    """What is true of 100 evaluation albums, and what the tagger said of 10 s of each."""
    pairs = []
    for seed in range(100):
        album = draw_album(seed, "eval")
        pairs.append((album.factors, _tags(synthesise(album, 10.0, RATE))))
    return pairs


def test_tempo_of_100_unheard_albums(heard):
    ratios = np.array([(tags.tempo or 0) / factors.tempo for factors, tags in heard])
    exact = np.abs(ratios - 1) < 0.04
    octaves = exact | (np.abs(ratios / 2 - 1) < 0.04) | (np.abs(ratios * 2 - 1) < 0.04)
    sys.stdout.write(f"tempo within 4%: {exact.mean():.2f}, octaves allowed: {octaves.mean():.2f}\n")
    assert exact.mean() >= 0.9 and octaves.mean() >= 0.95


def test_key_of_100_unheard_albums(heard):
    """Of 10 s the halves are one window each: often one chord, which tells less than a song's half."""
    exact, signature, mode, doubted = [], [], [], 0
    for factors, tags in heard:
        major = 7 * factors.signature % 12
        tonic = major if factors.mode == "major" else (major + 9) % 12
        if tags.mode is not None:
            mode.append(tags.mode == factors.mode)
        if tags.key is None:
            doubted += 1
            continue
        said = TONICS.index(tags.key)
        exact.append(said == tonic and tags.mode == factors.mode)
        signature.append((said if tags.mode == "major" else said + 3) % 12 == major)
    sys.stdout.write(
        f"key: {np.mean(exact):.2f}, signature: {np.mean(signature):.2f}, mode: {np.mean(mode):.2f}, "
        f"in doubt: {doubted} of {len(heard)}\n"
    )
    assert np.mean(signature) >= 0.9 and np.mean(exact) >= 0.8 and np.mean(mode) >= 0.8
    assert doubted <= 0.25 * len(heard)


@pytest.mark.parametrize(("measure", "least"), [("energy", 0.98), ("brightness", 0.85)])
def test_measures_of_100_unheard_albums(heard, measure, least):
    true = np.array([getattr(factors, measure) for factors, _ in heard])
    said = np.array([getattr(tags, measure) for _, tags in heard])
    sys.stdout.write(
        f"{measure}: r {np.corrcoef(true, said)[0, 1]:.3f}, mean error {np.abs(true - said).mean():.3f}\n"
    )
    assert np.corrcoef(true, said)[0, 1] >= least
