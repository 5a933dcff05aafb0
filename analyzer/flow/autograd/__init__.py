"""What autograd keeps for the backward pass, which values need a gradient, and whether one ever comes."""
