"""Mixed precision: where autocast is at work, and which type a value has inside and after it."""
