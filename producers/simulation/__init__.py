"""A simulated health system: everything is a function of the seed, so the same seed gives the same bytes."""
