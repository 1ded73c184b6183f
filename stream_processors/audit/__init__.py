"""The auditor: decides from published rows and closed evidence alone, sharing no code with the anonymiser."""
