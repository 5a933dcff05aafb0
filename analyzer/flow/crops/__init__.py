"""Where crops are cut: positions measured on the data, positions drawn at random."""
