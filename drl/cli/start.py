"""Where a process of `drl` begins."""

from drl.jobs.memory import start_with_large_pages


def start() -> None:
    """Run the command line in this process, started again if its memory should come in large pages."""
    start_with_large_pages()
    # Imported afterwards, because imports take longer than starting again.
    from drl.cli.main import main

    main()
