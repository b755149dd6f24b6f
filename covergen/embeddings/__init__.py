"""Frozen encoders: what they hear in music and read in words, and the stages that run them over tables."""
