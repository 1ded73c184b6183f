"""The published tables as data, their numbered migrations, and the rows an event becomes."""
