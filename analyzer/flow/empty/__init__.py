"""Values that may be NaN since nothing was selected: the mean of an empty mask, nothing over nothing."""
