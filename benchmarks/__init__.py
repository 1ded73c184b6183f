"""Benchmarks. Each prints what it did and ends with lines `RESULT name=... ratio=... target=...`; run them with -m."""
