"""Fusions: how the sound of a song reaches the frozen U-Net. `FUSIONS` names them, `build` makes one."""

from covergen.fusion.protocol import Fusion
from covergen.fusion.registry import FUSIONS, build

__all__ = ["FUSIONS", "Fusion", "build"]
