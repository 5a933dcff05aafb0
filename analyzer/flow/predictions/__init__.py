"""What a model predicts: probabilities, and how sure they are."""
