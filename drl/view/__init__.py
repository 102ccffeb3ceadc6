"""What a person sees while Snakemake runs: jobs by method, dataset and seed, time left, and at the end what to do."""
