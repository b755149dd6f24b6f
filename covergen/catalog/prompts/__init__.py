"""What is said to the text encoder: prompt styles by name, each in three variants."""
