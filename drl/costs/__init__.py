"""The costs of items: a plan before they are made, and the measured costs afterwards."""
