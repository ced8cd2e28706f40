"""A run: the plan with its seed, and the session that executes it and keeps every sample."""
