"""Judging runtimes by the specification: derived bounds, verdicts, adapters, reports and the ``distilspec`` command."""
