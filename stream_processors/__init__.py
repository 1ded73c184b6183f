"""From the closed log to sealed cohorts and indicators: pure steps, and the thin shells that run them."""
