"""One module per family of data sets. Each has a function `read(settings) -> Raw`."""
