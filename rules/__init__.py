"""One bug a file, by stage of training."""
