"""Images and labels: where they come from, how they are stored, split and drawn in batches."""
