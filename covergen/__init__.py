"""covergen makes album covers from music."""
