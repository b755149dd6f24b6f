"""generated and all that it came from -> ROOT/report: report.html, report.md."""

import json
from typing import Any

import pyarrow as pa
import ray

from covergen.config import Config
from covergen.errors import RootError
from covergen.evaluation.metrics.audio_effect import ROUNDING_FLOOR, picture_difference
from covergen.evaluation.models import image_models
from covergen.evaluation.report.content import ReportContent, Song, SongStrip
from covergen.evaluation.report.report import link, page_of, publish
from covergen.evaluation.tables import gather, predecessor, real
from covergen.evaluation.tables.real import Findings
from covergen.evaluation.tables.table import SystemsTable
from covergen.generation.requests import SCHEMA, requests
from covergen.media import images
from covergen.storage import objects
from covergen.storage.root import Root, digest_of
from covergen.storage.rows import read_tensor
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, GENERATED
from jobs.generate import paint, painter
from jobs.runtime import entry
from jobs.runtime.progress import say
from jobs.train import CURRENT

MADE_OF = "report.digest"


def main(config: Config) -> None:
    """Measure what can be measured and write the report; the page's address is the last line."""
    root = Root.open(config.root)
    if not root.has(GENERATED) or not root.exists(CURRENT):
        raise RootError(f"{root.uri} has no covers to report on yet; run jobs.generate first.")
    trained = json.loads(root.read(CURRENT))
    shown = {"tables": gather.versions(root), "checkpoint": trained["folder"], "config": config.model_dump()}
    made_of = digest_of(shown)
    if objects.exists(page_of(root)) and root.exists(MADE_OF) and root.read(MADE_OF).decode() == made_of:
        say("evaluate: nothing to do, the report is there")
        print(link(root))
        return
    entry.start_ray(config)
    measured = _measured.options(num_gpus=config.evaluate.gpus).remote(root, config)
    strip = song_strip(root, config)  # meanwhile
    covers = gather.covers(root)
    table, found = ray.get(measured)
    content = ReportContent(
        title="Covers that heard the music",
        summary=f"{len(covers)} cover{'' if len(covers) == 1 else 's'} painted from words and sound.",
        notes=_notes(root, config, trained),
        covers=covers,
        shown=config.evaluate.contact_sheet,
        table=table,
        strip=strip,
        real=found.table,
        sheet=found.sheet,
        memory=found.memory,
        predecessor=predecessor.beside(
            found.table, table, fusion=config.train.fusion, noise_scheduler=config.generate.noise_scheduler
        ),
        genres=gather.genres(root),
        losses=() if "untrained" in trained else gather.losses(root, trained["folder"]),
        rejects=gather.refused(root),
        stages=gather.seconds(root),
        facts={**_facts(root, config, trained, found), "Tables": gather.versions(root)},
        missing=found.missing,
    )
    publish(root, content)
    root.write(MADE_OF, made_of.encode())
    say("evaluate: the report is written")
    print(link(root))


@ray.remote
def _measured(root: Root, config: Config) -> tuple[SystemsTable | None, Findings]:
    """Measure made-up albums against their factors, and real ones by the image models that are there."""
    chosen, offline = config.evaluate, config.models.offline
    named = chosen.model_dump(include={"clip", "dinov2", "inception"})
    models = image_models.load_models(**named, device=chosen.device, offline=offline)
    settings = chosen.model_dump(include={"training_covers", "resamples", "batch_size"})
    found = real.measure(root, models, **settings)
    table = gather.measure_controlled(
        root,
        base=config.models.stable_diffusion,
        offline=offline,
        reader_covers=chosen.reader_covers,
        resamples=chosen.resamples,
    )
    return table, found


def _notes(root: Root, config: Config, trained: Any) -> tuple[str, ...]:
    """Return what the run left out and why, a sentence or two each."""
    notes = []
    if why := trained.get("untrained"):
        start = config.train.start_from
        notes.append(
            f"Training was skipped: {why}. The covers were painted with the fusion that it would have "
            f"started from ({start}), as it is."
        )
    if not root.current(CATALOG).count():
        notes.append("No album was usable, so there was nothing to paint; below stands what was refused.")
    elif not root.current(GENERATED).count():
        notes.append(f"No cover was painted; generate.split is {config.generate.split}.")
    return tuple(notes)


def _facts(root: Root, config: Config, trained: Any, found: Findings) -> dict[str, dict[str, str]]:
    start, base = trained["recipe"]["start_from"], trained["recipe"]["base"]
    steps = 0 if "untrained" in trained else gather.steps(root, trained["folder"])
    return {
        "Models": {
            "Stable Diffusion": f"{config.models.stable_diffusion}, {base[:12]}",
            "audio encoder": config.embed.encoder,
            "fusion": gather.fusion(root, trained["folder"]),
            "fusion started from": f"{config.train.start_from} weights, {start[:12]}" if start else "nothing",
            "then trained for": f"{steps} steps on this catalogue" if steps else "no step on this catalogue",
            **{f"measured by {kind}": name for kind, name in found.models.items()},
        },
        "Painting": {name: str(value) for name, value in config.generate.model_dump().items()},
    }


# Three songs under one prompt and one seed: what the sound alone changes.


def song_strip(root: Root, config: Config, count: int = 3) -> SongStrip | None:
    """Paint the songs that sound most different under one prompt and one seed."""
    scope = {**root.scope(GENERATED), "systems": ["audio"], "variants": 1}
    wanted = requests(root, scope).to_pylist()
    embeddings = root.current(AUDIO_EMBEDDINGS).read(["track_id", "frames"])
    track_ids = embeddings["track_id"].to_pylist()
    known = sorted({row["track_id"] for row in wanted} & set(track_ids))
    if len(known) < count:
        return None
    frames = read_tensor(embeddings, "frames")[[track_ids.index(track) for track in known]]
    chosen = [known[place] for place in gather.farthest(frames, count)]
    first = wanted[0]
    rows = [{**first, "track_id": track, "variant": place} for place, track in enumerate(chosen)]
    one = config.generate.model_copy(update={"actors": 1})
    painted = paint(root, painter(root, config), pa.Table.from_pylist(rows, schema=SCHEMA), actors=one)
    pictures = {row["variant"]: images.decode(row["image"]) for row in painted.take_all()}
    titles = {row["track_id"]: row for row in root.current(CATALOG).read().to_pylist()}
    songs = tuple(
        Song(
            name=f"{titles[track]['artist']}: {titles[track]['track_title']}",
            picture=pictures[place],
            difference=picture_difference(pictures[0], pictures[place]) if place else None,
        )
        for place, track in enumerate(chosen)
    )
    return SongStrip(first["prompt"], first["seed"], songs, ROUNDING_FLOOR)


if __name__ == "__main__":
    entry.run(main, reads=("evaluate", "generate", "train", "embed", "models"))
