"""Generation: words, music and a seed in, a picture out."""
