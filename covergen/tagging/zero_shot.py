"""Mood, genre and instruments by CLAP: the words whose sentences lie nearest to what the audio tower heard.

Nothing is trained here: the words are those of MTG-Jamendo, and how far scores can be trusted is for
evaluation to say. S songs, B windows a song, N samples a window, V words of a category, W width.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from covergen.embeddings.clap import Clap, clap_digest, clap_folder, clap_release, load_clap, log_mel
from covergen.errors import ModelError
from covergen.models.hub import Release
from covergen.models.weights import commit_digest
from covergen.tagging.protocol import Tags, Words

VERSION: Final = 1  # raise it whenever an answer changes
TOP: Final = 5
LIFT: Final = 3.0
_TOKENIZER: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
_FILES: Final = ("config.json", "preprocessor_config.json", "model.safetensors", *_TOKENIZER)
_UNRELATED: Final = (
    "a heavy metal guitar solo",
    "a slow sad piano ballad",
    "birds singing in a forest at dawn",
    "an engineer reads numbers aloud",
)
_COLLAPSED: Final = 0.95  # 0.18 was reported of laion/clap-htsat-unfused, 0.9993 of laion/larger_clap_music
# The words a tagger chooses among: the tags of MTG-Jamendo (Bogdanov et al. 2019), run-together ones
# opened. Those of its public splits: 56 moods and themes, 87 genres, 40 instruments.
_MOODS = """
action, adventure, advertising, background, ballad, calm, children, christmas, commercial, cool, corporate,
dark, deep, documentary, drama, dramatic, dream, emotional, energetic, epic, fast, film, fun, funny, game,
groovy, happy, heavy, holiday, hopeful, inspiring, love, meditative, melancholic, melodic, motivational,
movie, nature, party, positive, powerful, relaxing, retro, romantic, sad, sexy, slow, soft, soundscape,
space, sport, summer, trailer, travel, upbeat, uplifting
"""
_GENRES = """
60s, 70s, 80s, 90s, acid jazz, alternative, alternative rock, ambient, atmospheric, blues, blues rock, bossa
nova, breakbeat, celtic, chanson, chillout, choir, classical, classic rock, club, contemporary, country,
dance, dark ambient, darkwave, deep house, disco, downtempo, drum and bass, dub, dubstep, easy listening,
edm, electronic, electronica, electropop, ethno, eurodance, experimental, folk, funk, fusion, groove,
grunge, hard, hard rock, hip hop, house, idm, improvisation, indie, industrial, instrumental pop,
instrumental rock, jazz, jazz fusion, latin, lounge, medieval, metal, minimal, new age, new wave,
orchestral, pop, pop folk, pop rock, post rock, progressive, psychedelic, punk rock, rap, reggae, r&b, rock,
rock and roll, singer-songwriter, soul, soundtrack, swing, symphonic, synth pop, techno, trance, trip hop,
world, world fusion
"""
_INSTRUMENTS = """
accordion, acoustic bass guitar, acoustic guitar, bass, beat, bell, bongo, brass, cello, clarinet, classical
guitar, computer, double bass, drum machine, drums, electric guitar, electric piano, flute, guitar,
harmonica, harp, horn, keyboard, oboe, orchestra, organ, pad, percussion, piano, pipe organ, rhodes,
sampler, saxophone, strings, synthesizer, trombone, trumpet, viola, violin, voice
"""


class ClapZeroShot:
    """Hears 10 s windows with a CLAP, averages their vectors, and gives the words that stand out.

    A score is the word's probability in its category: softmax over cosine times the model's own logit scale.
    `clap` is a preset or a folder. `bf16` autocasts the audio tower.
    """

    name = "clap-zero-shot"
    basis: Literal["heuristic", "model"] = "model"
    sample_rate = Clap.sample_rate
    segment_seconds = Clap.segment_seconds
    licence = Clap.licence

    def __init__(self, *, clap: str = "clap", device: str = "cpu", bf16: bool = False, offline: bool = False):
        self.clap, self.device, self.bf16, self.offline = clap, device, bf16, offline

    @cached_property
    def digest(self) -> str:
        """Names weights, words, sentences and rules; of a folder its files are read once."""
        weights = clap_digest(self.clap, files=_FILES)
        settings = [weights, VERSION, WORDS, TEMPLATES, TOP, LIFT, self.bf16]
        return commit_digest(self.name, json.dumps(settings))

    @property
    def release(self) -> Release | None:
        """What a preset needs of the hub."""
        return clap_release(self.clap, files=_FILES)

    @cached_property
    def _parts(self) -> tuple[Any, dict[str, Tensor]]:
        """The model, and the vectors (V, W) of each category's words, made at the first use."""
        folder = clap_folder(self.clap, offline=self.offline, files=_FILES)
        model = load_clap(folder, with_text=True).to(self.device)
        tokenizer = _tokenizer(folder)
        refuse_collapsed(_read(model, tokenizer, _UNRELATED), self.clap)
        vectors = {
            category: _words(model, tokenizer, words, TEMPLATES[category])
            for category, words in WORDS.items()
        }
        return model, vectors

    @torch.inference_mode()
    def __call__(self, songs: NDArray[np.float32]) -> list[Tags]:
        """Return tags of songs (S, B, N); measures are not judged."""
        model, vectors = self._parts
        flat = np.array(songs, dtype=np.float32).reshape(-1, songs.shape[-1])  # (S x B, N)
        features = log_mel(torch.from_numpy(flat).to(self.device))
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            pooled = model.audio_projection(model.audio_model(features).pooler_output)
        windows = functional.normalize(pooled.float(), dim=-1).reshape(*songs.shape[:2], -1)  # (S, B, W)
        embeddings = functional.normalize(windows.mean(dim=1), dim=-1)  # (S, W)
        scale = float(model.logit_scale_a.exp())
        scores = {
            category: (scale * embeddings @ words.T).softmax(dim=-1).cpu().numpy()
            for category, words in vectors.items()
        }
        return [
            Tags(
                mood=standing_out(WORDS["mood"], scores["mood"][song]),
                genre=standing_out(WORDS["genre"], scores["genre"][song]),
                instrument=standing_out(WORDS["instrument"], scores["instrument"][song]),
            )
            for song in range(len(songs))
        ]


def standing_out(words: Sequence[str], probabilities: NDArray[np.floating[Any]]) -> Words:
    """Return the words that are at least three times as likely as by chance, five at most, the best first.

    Empty where none is: the tagger is unsure. Chance is one in as many words as the category has.
    """
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return {words[i]: float(probabilities[i]) for i in best if probabilities[i] * len(words) >= LIFT}


def refuse_collapsed(vectors: Tensor, name: str) -> None:
    """Raise ModelError if vectors (V, W) of unrelated sentences all point one way: no word could count."""
    unit = functional.normalize(vectors, dim=-1)
    count = len(unit)
    alike = float(((unit @ unit.T).sum() - count) / (count * (count - 1)))
    if not alike < _COLLAPSED:  # also true for NaN
        raise ModelError(
            f"the text tower of {name} is collapsed: unrelated sentences have cosine {alike:.4f}, so all "
            "words would score alike; set tag.clap=clap (laion/clap-htsat-unfused), or leave "
            "clap-zero-shot out of tag.taggers"
        )


def _words(model: Any, tokenizer: Any, words: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Return unit vectors (V, W): each word's sentences averaged."""
    sentences = [template.format(word) for word in words for template in templates]
    vectors = _read(model, tokenizer, sentences).reshape(len(words), len(templates), -1)
    return functional.normalize(vectors.mean(dim=1), dim=-1)


@torch.inference_mode()
def _read(model: Any, tokenizer: Any, sentences: Sequence[str]) -> Tensor:
    """Return unit vectors (V, W) of sentences, in the joint space."""
    parts = []
    for start in range(0, len(sentences), 64):
        tokens = tokenizer(list(sentences[start : start + 64]), padding=True, return_tensors="pt")
        output = model.text_model(**tokens.to(model.device))
        parts.append(functional.normalize(model.text_projection(output.pooler_output), dim=-1))
    return torch.cat(parts)


def _tokenizer(folder: Path) -> Any:
    """Return the tokenizer; transformers would make an empty one where its files are missing."""
    from transformers import RobertaTokenizer

    if not ((folder / "tokenizer.json").is_file() or (folder / "vocab.json").is_file()):
        raise ModelError(f"CLAP in {folder} has no tokenizer; tokenizer.json or vocab.json must lie there")
    try:
        return RobertaTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"CLAP in {folder} has a tokenizer that cannot be read; take a whole release"
        ) from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.replace("\n", " ").split(","))


WORDS: Final = {"mood": _split(_MOODS), "genre": _split(_GENRES), "instrument": _split(_INSTRUMENTS)}
"""Words by the column of `tags` they fill."""


TEMPLATES: Final = {
    "mood": (
        "{} music",
        "this audio is a {} song",
        "a piece of music with a {} mood",
        "music for a {} scene",
    ),
    "genre": ("{} music", "this audio is a {} song", "a {} track", "music of the genre {}"),
    "instrument": ("music with {}", "the sound of {}", "this audio is a song with {}", "a recording of {}"),
}
"""Sentences that each word is put into; a word counts by the average of its sentences."""
