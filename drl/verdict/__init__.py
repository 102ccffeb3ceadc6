"""The verdict: our numbers beside the paper's, and whether its claims hold."""
