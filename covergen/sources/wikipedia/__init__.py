"""Wikipedia's lists of albums, in their layouts of 1980 to 2024."""
