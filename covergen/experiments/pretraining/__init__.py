"""Trains the embedded tiny Stable Diffusion on procedural covers: `python -m covergen.experiments.pretraining`."""
