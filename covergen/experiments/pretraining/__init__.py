"""Trains the embedded tiny Stable Diffusion: `python -m covergen.experiments.pretraining`."""
