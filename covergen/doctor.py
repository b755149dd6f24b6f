"""A look at this machine: versions, torch's build, devices, shipped assets, writable caches."""

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from covergen.errors import ConfigError, ModelError

_PACKAGES: Final = ("torch", "diffusers", "transformers", "pyarrow", "deltalake", "av", "ray")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name, what was found, and whether it is as it should be."""

    name: str
    found: str
    good: bool = True


def examine() -> Iterator[Finding]:
    """Yield findings in the order in which a person would ask for them."""
    yield Finding("covergen", _version("covergen") or "not installed", _version("covergen") is not None)
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        found = _version(package)
        # One machine paints without Ray; only the jobs need it.
        yield Finding(package, found or "not installed", found is not None or package == "ray")
    yield _resampling()
    yield _device()
    yield from _assets()
    yield _writable("weights cache", _hub_cache())
    yield _writable("temporary files", Path(tempfile.gettempdir()))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _resampling() -> Finding:
    from covergen.embeddings import resample

    found = _version("torchaudio")
    if found is None:
        return Finding("torchaudio", "not installed; only embed.resample=device needs it, the extra gpu")
    try:
        resample.check()
    except ConfigError as error:
        return Finding("torchaudio", f"{found}, of no use: {error}", good=False)
    return Finding("torchaudio", found)


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}")
    if torch.version.cuda:
        return Finding("device", f"CPU only, though torch is built for CUDA {torch.version.cuda}", good=False)
    return Finding("device", f"CPU, {torch.get_num_threads()} threads; torch is the CPU build")


def _assets() -> Iterator[Finding]:
    from covergen.models import stable_diffusion
    from covergen.serving.service import SHIPPED_FUSION
    from covergen.training import checkpoint

    try:
        digest = stable_diffusion.digest("tiny")
        yield Finding("tiny model", f"sha256 {digest[:12]}")
        facts = checkpoint.read_facts(SHIPPED_FUSION)
        fits = facts.base_digest == digest
        yield Finding("tiny fusion", f"{facts.name}, {'made for' if fits else 'not of'} this model", fits)
    except ModelError as error:
        yield Finding("tiny assets", str(error), good=False)


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _writable(name: str, folder: Path) -> Finding:
    """A folder that is not there yet is as good as its nearest parent."""
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    good = nearest.is_dir() and os.access(nearest, os.W_OK)
    return Finding(name, f"{folder} {'is' if good else 'is not'} writable", good)
