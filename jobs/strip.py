"""Three songs under one prompt and one seed: what the sound alone changes."""

import pyarrow as pa

from covergen.config import Config
from covergen.evaluation.metrics.difference import ROUNDING_FLOOR, picture_difference
from covergen.evaluation.report.content import Song, SongStrip
from covergen.evaluation.tables import gather
from covergen.generation.requests import SCHEMA, requests
from covergen.media import images
from covergen.storage.root import Root
from covergen.storage.rows import read_tensor
from covergen.storage.tables import AUDIO_EMBEDDINGS, CATALOG, GENERATED
from jobs.generate import paint, painter


def song_strip(root: Root, config: Config, count: int = 3) -> SongStrip | None:
    """Paint the songs that sound most different under one prompt and one seed."""
    scope = {**root.scope(GENERATED), "systems": ["audio"], "variants": 1}
    wanted = requests(root, scope).to_pylist()
    heard = root.current(AUDIO_EMBEDDINGS).read(["track_id", "frames"])
    track_ids = heard["track_id"].to_pylist()
    known = sorted({row["track_id"] for row in wanted} & set(track_ids))
    if len(known) < count:
        return None
    frames = read_tensor(heard, "frames")[[track_ids.index(track) for track in known]]
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
