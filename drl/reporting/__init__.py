"""Figures, tables and their style. This package reads only small CSV files."""
