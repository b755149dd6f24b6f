"""The controlled table of a root, with the shipped tiny model and the reader beside it."""

from covergen.evaluation.tables import gather
from covergen.procedural.covers import paint
from covergen.procedural.factors import draw_album
from covergen.storage.root import Root
from covergen.storage.tables import ALBUMS, GENERATED, MEDIA
from tests.evaluation import toy_root

SETTINGS = {"base": "tiny", "offline": True, "reader_covers": 200, "resamples": 200}


def test_made_up_albums_are_read_against_their_factors(tmp_path):
    root = Root.create(str(tmp_path / "root"))
    made = [draw_album(k, "eval") for k in range(12)]
    names = [f"a{k:02}" for k in range(12)]
    toy_root.put(
        root,
        ALBUMS,
        [
            {
                "album_id": n,
                "artist": "A",
                "title": n,
                "source": "procedural",
                "source_url": f"procedural:eval/{k}",
            }
            for k, n in enumerate(names)
        ],
    )
    covers = [toy_root.png(paint(album.factors, album.seed, 128)) for album in made]
    media = [
        {"owner_id": n, "kind": "cover", "bytes": c, "input_digest": "d"}
        for n, c in zip(names, covers, strict=True)
    ]
    toy_root.put(root, MEDIA, media)
    painted = []
    for k, name in enumerate(names):
        own, other = made[k].factors, made[(k + 5) % 12].factors
        painted += [
            toy_root.cover_row(name, "audio", paint(own, 70 + k, 128)),
            toy_root.cover_row(name, "shuffled", paint(other, 70 + k, 128)),
        ]
    toy_root.put(root, GENERATED, painted)
    table = gather.measure_controlled(root, **SETTINGS)
    assert table.n == 12 and [row.system for row in table.rows][:2] == ["audio", "shuffled"]
    errors = {system: table.row(system).metrics["hue_error"].estimate for system in ("audio", "shuffled")}
    assert errors["audio"] < 30 < errors["shuffled"]


def test_a_root_of_real_albums_has_none_and_loads_nothing(tmp_path):
    root = toy_root.make(tmp_path / "root")
    assert gather.measure_controlled(root, **{**SETTINGS, "base": "no such model"}) is None
