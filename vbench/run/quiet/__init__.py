"""How quiet this machine is, what would make it quieter, and the knobs that can be turned and turned back."""
