"""What the paper says, each sentence with the statistic that decides it."""
