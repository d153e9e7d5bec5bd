"""``python -m distilspec.conformance`` is the command ``distilspec``."""

from distilspec.conformance.cli import main

if __name__ == "__main__":
    main()
