"""What is made of what: studies, items, the jobs behind them. Importing it never imports torch."""
