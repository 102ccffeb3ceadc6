"""Figures, tables and their style. This package reads only small CSV files.

A module that draws an item has these parts, and its docstrings say only what is special to them:

- `table(frame, settings)` chooses and averages rows of metrics (as `aggregate.read_all` returns them) to the numbers
  that are shown, and kept as CSV.
- `draw(numbers, settings)` returns a figure of them; `sheet(numbers, settings)` a table as text. Datasets and recipes
  of the settings are in the order of panels, rows, lines and columns.
- `CAPTION` is what the report says below it.
- `PICTURES`, if there, are suffixes of files beside the metrics files that are shown too. `draw` then takes as well
  the metrics file of the first seed of each dataset and recipe.
- `SAMPLES`, if there and true, says that the figure shows samples. At scale demo these are noise, as the picture says.
"""
