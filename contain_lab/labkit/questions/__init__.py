"""What a lab asks: predictions, recall, puzzles; the words are data in content/."""
