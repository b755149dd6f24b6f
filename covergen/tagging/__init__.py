"""What the music says in words and numbers: taggers, and the stage that runs them over media."""
