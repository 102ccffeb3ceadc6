"""Random augmentation of training images, in batches on their device, with separate draws for each image."""
