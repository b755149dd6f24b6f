"""What names rows: a root of an earlier version has nothing to do while these stay as they are.

Who changes what a stage makes raises its VERSION, and the digest here with it. Nothing else may move one.
"""

from covergen.catalog.splits import split_of
from covergen.embeddings.audio_stage import HearTracks
from covergen.embeddings.text_stage import ReadWords
from covergen.generation.pipeline import PaintSettings
from covergen.generation.seeds import seed_of
from covergen.generation.stage import Paint
from covergen.latents.stage import EncodeCovers
from covergen.models import stable_diffusion
from covergen.sources.identity import album_id, track_id
from covergen.storage.root import digest_of
from covergen.tagging.stage import TagTracks
from covergen.training import checkpoint
from covergen.training.dataset import SHIPPED

ALBUM = album_id("Zoë", "Night", "1997")
GOLDEN = {
    "base": "bbd57fb327478ad1d62e1e5e1f4949d1100407312e5ce65dc3055f5cc18a50f4",
    "shipped fusion": "0283ee2b74f29680a7807ee3b41d74dcde6d0564f498ee05586aa035d8a6b200",
    "hear": "3c7cd4a9b121e29c",
    "hear more": "a0d9a180dc3b4311",
    "tag": "3d78077ad3c8ef08",
    "read": "79e5473d26e21a2a",
    "encode": "cf14cfc600e930ca",
    "paint": "d9eec4a239553a29",
    "album": "49059373a3246612b0d13bcab1314756cafcc016b0431b6d806d9b11b4bf0c8e",
    "track": "93b2b19b154ad06f9ff179486a4d4a164b89a4a3d59bf7cc1954db79dc503d80",
    "seed": "2918474396033056211",
    "split": "train",
}


def digests() -> dict[str, str]:
    hears = HearTracks("logmel")
    return {
        "base": stable_diffusion.digest("tiny"),
        "shipped fusion": checkpoint.digest(SHIPPED),
        "hear": digest_of(hears.recipe()),
        "hear more": digest_of(HearTracks("logmel", seconds=20.0, frame_rate=1.0).recipe()),
        "tag": digest_of(TagTracks("signal").recipe()),
        "read": digest_of(ReadWords("tiny").recipe()),
        "encode": digest_of(EncodeCovers("tiny").recipe()),
        "paint": digest_of(
            Paint("tiny", str(SHIPPED), settings=PaintSettings(), encoder_recipe=hears.recipe()).recipe()
        ),
        "album": ALBUM,
        "track": track_id(ALBUM, 1, 1, "Moon"),
        "seed": str(seed_of(ALBUM, 3)),
        "split": split_of("Zoë", validation=0.3, test=0.3),
    }


def test_nothing_that_names_rows_has_moved() -> None:
    assert digests() == GOLDEN
