"""Diffusion based representation learning: every figure and table of the paper, from images to verdict.

Importing this package never imports torch, so that the Snakefile can read the configuration in a moment.
"""

__version__ = "0.2.0"
