"""The documented contract of "Update replay heatmap snapshot", made executable."""
