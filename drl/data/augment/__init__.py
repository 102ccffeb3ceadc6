"""Random changes of training images: batched, on the images' device, drawn anew for each image."""
