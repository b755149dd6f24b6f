"""What made the shipped weights and what measures fusions: no user's path comes through here."""
