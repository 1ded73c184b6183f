"""Instrument definitions (one YAML each, loaded by `deploy.resources`) and their integer scoring."""
