"""The controlled benchmark of fusions on procedural albums."""
