"""The controlled table of a root: made-up albums, read by an evaluator that knows what this VAE can show."""

from functools import partial

from covergen.evaluation.tables import gather
from covergen.evaluation.tables.table import SystemsTable
from covergen.models import stable_diffusion
from covergen.procedural.reader import READER, CoverReader
from covergen.storage.root import Root


def measure(
    root: Root, *, base: str, offline: bool, reader_covers: int, resamples: int
) -> SystemsTable | None:
    """Return the table of the made-up albums, or None where there are none.

    The reader is the one shipped beside `base`, else one fitted on `reader_covers` covers.
    """
    if not gather.made_up(root):
        return None
    reconstruct = partial(stable_diffusion.reconstruct, stable_diffusion.load_vae(base, offline=offline))
    shipped = stable_diffusion.folder(base, ("vae",), offline=offline) / READER
    if shipped.is_file():
        reader = CoverReader.load(shipped)
    else:
        size = stable_diffusion.size(base, offline=offline)
        reader = CoverReader.fit(reader_covers, size=size, reconstruct=reconstruct)
    return gather.controlled_table(root, reader, reconstruct=reconstruct, resamples=resamples)
