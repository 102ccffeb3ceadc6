"""Networks: encoders, the NCSN++ score network with its latent paths, decoders."""
