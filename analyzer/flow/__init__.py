"""Values through functions and across calls, found on demand, with where each piece came from.

``values`` is the ground that the other rooms stand on: where a value comes from and what it may be.
"""
