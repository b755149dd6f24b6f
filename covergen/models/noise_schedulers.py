"""Noise schedulers of diffusers, each made to run on the betas that a model was trained with."""

from collections.abc import Mapping
from typing import Any, Final

import torch

from covergen.errors import ConfigError

# The names of diffusers' classes, which are imported when one is built.
NOISE_SCHEDULERS: Final[dict[str, str]] = {
    "ddim": "DDIMScheduler",
    "pndm": "PNDMScheduler",
    "ddpm": "DDPMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
}
# What training fixed, and what the file may say about it. Everything else belongs to one class of scheduler.
_TRAINED_WITH: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "timestep_spacing",
)
# DPM-Solver of diffusers ends its rescaled schedule at this cumulative alpha too: a sigma must stay finite.
_NEARLY_ZERO_ALPHA: Final = 2.0**-24


def check_noise_scheduler(kind: str) -> None:
    """Raise ConfigError for an unknown kind."""
    if kind not in NOISE_SCHEDULERS:
        raise ConfigError(f"noise scheduler {kind!r} is unknown; choose one of {', '.join(NOISE_SCHEDULERS)}")


def build_noise_scheduler(config: Mapping[str, Any], kind: str) -> Any:
    """Return a noise scheduler for a scheduler_config.json of any class; ConfigError for an unknown kind."""
    check_noise_scheduler(kind)
    import diffusers

    scheduler_class = getattr(diffusers, NOISE_SCHEDULERS[kind])
    arguments = {key: config[key] for key in _TRAINED_WITH if key in config}
    arguments["steps_offset"] = 1
    zero_snr = bool(config.get("rescale_betas_zero_snr"))
    if kind == "pndm":
        arguments |= {"skip_prk_steps": True, "set_alpha_to_one": config.get("set_alpha_to_one", False)}
        if zero_snr:
            arguments["trained_betas"] = _zero_snr_betas(config)
        return scheduler_class(**arguments)
    arguments["rescale_betas_zero_snr"] = zero_snr
    if kind != "dpm++":
        arguments["clip_sample"] = False
    if kind == "ddim":
        arguments["set_alpha_to_one"] = config.get("set_alpha_to_one", False)
    return scheduler_class(**arguments)


def _zero_snr_betas(config: Mapping[str, Any]) -> list[float]:
    """Return the betas rescaled to a zero terminal SNR (Lin et al. 2023), which PNDM cannot do itself.

    PNDM divides by the square root of the last cumulative alpha, so that one ends just above zero. Its first
    step takes a small difference of large numbers: keep latents in float32 there, whatever the U-Net runs in.
    """
    rescaled = build_noise_scheduler(config, "ddim").alphas_cumprod.double()
    rescaled[-1] = _NEARLY_ZERO_ALPHA
    before = torch.cat([torch.ones(1, dtype=torch.float64), rescaled[:-1]])
    betas: list[float] = (1 - rescaled / before).tolist()
    return betas
