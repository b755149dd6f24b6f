"""Pretrained weights: where they come from, their digests, and Stable Diffusion's parts."""
