"""Covers through the frozen VAE."""
