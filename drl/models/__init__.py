"""Networks: the NCSN++ score network, the time-dependent WideResNet encoder, the reconstruction decoder."""
