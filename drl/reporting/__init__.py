"""Figures, tables and their style. They read only small CSV files."""
