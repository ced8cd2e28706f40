"""What lasts: run bundles, snapshots, and later the index over them."""
