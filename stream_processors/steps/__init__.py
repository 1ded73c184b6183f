"""Everything that decides. Pure: no I/O, no clock, no global randomness; the same code live, in replay, in tests."""
