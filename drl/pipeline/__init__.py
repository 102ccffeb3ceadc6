"""Studies, items, and the jobs behind them. Importing this package never imports torch."""
