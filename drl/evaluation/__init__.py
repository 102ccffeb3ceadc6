"""Evaluation of codes: probes, samples, FID and silhouettes."""
