"""The subcommands of ``distilspec``, one a file."""
