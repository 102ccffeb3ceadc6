"""Images and labels: sources, storage, splits and batches."""
