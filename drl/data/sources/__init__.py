"""One module per family of data sets; each offers `read(settings) -> Raw`."""
