"""Trains the embedded tiny Stable Diffusion from procedural covers: `python -m covergen.experiments.pretraining`."""
