"""generated and all that it came from -> report.html, report.md."""

import json
from typing import Any

import ray

from covergen import objects
from covergen.config import Config
from covergen.evaluation import controlled, gather, image_models, predecessor, real
from covergen.evaluation.content import ReportContent
from covergen.evaluation.publish import link, page_of, publish
from covergen.evaluation.real import Findings
from covergen.evaluation.table import SystemsTable
from covergen.storage import Root, digest_of
from jobs import entry
from jobs.progress import say
from jobs.strip import song_strip
from jobs.train import CURRENT

MADE_OF = "report.digest"


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
    measured = _measured.options(num_gpus=config.evaluate.gpus).remote(root, config)
    strip = song_strip(root, config)  # meanwhile
    covers = gather.covers(root)
    table, found = ray.get(measured)
    content = ReportContent(
        title="Covers that heard the music",
        summary=f"{len(covers)} covers painted from words and sound.",
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
        losses=gather.losses(root, trained["folder"]),
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
    table = controlled.measure(
        root,
        base=config.models.stable_diffusion,
        offline=offline,
        reader_covers=chosen.reader_covers,
        resamples=chosen.resamples,
    )
    return table, found


def _facts(root: Root, config: Config, trained: Any, found: Findings) -> dict[str, dict[str, str]]:
    start, base = trained["recipe"]["start_from"], trained["recipe"]["base"]
    return {
        "Models": {
            "Stable Diffusion": f"{config.models.stable_diffusion}, {base[:12]}",
            "audio encoder": config.embed.encoder,
            "fusion": config.train.fusion,
            "fusion started from": f"{config.train.start_from} weights, {start[:12]}" if start else "nothing",
            "then trained for": f"{gather.steps(root, trained['folder'])} steps on this catalogue",
            **{f"measured by {kind}": name for kind, name in found.models.items()},
        },
        "Painting": {name: str(value) for name, value in config.generate.model_dump().items()},
    }


if __name__ == "__main__":
    entry.run(main)
