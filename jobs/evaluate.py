"""generated and all that it came from -> report.html, report.md."""

import json
from functools import partial
from typing import Any

import ray

from covergen import objects, stable_diffusion
from covergen.config import Config
from covergen.evaluation import gather
from covergen.evaluation.content import Missing, ReportContent
from covergen.evaluation.publish import link, page_of, publish
from covergen.evaluation.table import SystemsTable
from covergen.procedural.reader import READER, CoverReader
from covergen.storage import Root, digest_of
from jobs import entry
from jobs.progress import say
from jobs.strip import song_strip
from jobs.train import CURRENT

MADE_OF = "report.digest"
WEIGHTS = "InceptionV3, DINOv2 or CLIP image weights in the local cache"
MISSING = tuple(Missing(metric, WEIGHTS) for metric in ("FID", "FD-DINOv2", "CMMD", "CLIPScore"))


def main(config: Config) -> None:
    """Measure what can be measured and write the report; the page's address is the last line."""
    root = Root.open(config.root)
    trained = json.loads(root.read(CURRENT))
    shown = {"tables": gather.versions(root), "checkpoint": trained["folder"], "config": config.model_dump()}
    made_of = digest_of(shown)
    if objects.exists(page_of(root)) and root.exists(MADE_OF) and root.read(MADE_OF).decode() == made_of:
        say("evaluate: nothing to do, the report is there")
        print(link(root))
        return
    entry.start_ray(config)
    measured = _table.remote(root, config)  # while the songs are painted
    strip = song_strip(root, config)
    covers = gather.covers(root)
    content = ReportContent(
        title="Covers that heard the music",
        summary=f"{len(covers)} covers painted from words and sound.",
        covers=covers,
        shown=config.evaluate.contact_sheet,
        table=ray.get(measured),
        strip=strip,
        genres=gather.genres(root),
        losses=gather.losses(root, trained["folder"]),
        rejects=gather.refused(root),
        stages=gather.seconds(root),
        facts={**_facts(config, trained["recipe"]), "Tables": gather.versions(root)},
        missing=MISSING,
    )
    publish(root, content)
    root.write(MADE_OF, made_of.encode())
    say("evaluate: the report is written")
    print(link(root))


@ray.remote
def _table(root: Root, config: Config) -> SystemsTable | None:
    """Fit the reader and measure the controlled albums, if there are any."""
    if not gather.made_up(root):
        return None
    name, offline = config.models.stable_diffusion, config.models.offline
    reconstruct = partial(stable_diffusion.reconstruct, stable_diffusion.load_vae(name, offline=offline))
    shipped = stable_diffusion.folder(name, ("vae",), offline=offline) / READER
    if shipped.is_file():
        reader = CoverReader.load(shipped)
    else:
        size = stable_diffusion.size(name, offline=offline)
        reader = CoverReader.fit(config.evaluate.reader_covers, size=size, reconstruct=reconstruct)
    return gather.controlled_table(root, reader, reconstruct=reconstruct, resamples=config.evaluate.resamples)


def _facts(config: Config, trained: dict[str, Any]) -> dict[str, dict[str, str]]:
    start = (
        f"{config.train.start_from} weights, {trained['start_from'][:12]}"
        if trained["start_from"]
        else "nothing"
    )
    return {
        "Models": {
            "Stable Diffusion": f"{config.models.stable_diffusion}, {trained['base'][:12]}",
            "audio encoder": config.embed.encoder,
            "fusion": config.train.fusion,
            "fusion started from": start,
            "then trained for": f"{config.train.steps} steps on this catalogue",
        },
        "Painting": {name: str(value) for name, value in config.generate.model_dump().items()},
    }


if __name__ == "__main__":
    entry.run(main)
