"""Ways in: one file a hop turns settings into an argv and a lifetime; `chain` joins hops into one open pipe."""
