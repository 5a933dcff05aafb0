"""Images: what holds one, in what order it counts its sides, and in what range its values lie."""
