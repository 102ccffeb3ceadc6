"""What making items costs: a plan before, and what it really cost after."""
