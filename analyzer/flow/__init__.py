"""Values through functions and across calls, found on demand, with where each piece came from."""
