"""Named errors; each message is one line that says what was seen, what was expected, and why."""


class ContractError(ValueError):
    """Input that the specification does not accept."""


class ShapeError(ContractError):
    """An array has the wrong rank or a dimension of the wrong size."""


class DTypeError(ContractError):
    """An array holds elements of the wrong type."""


class RangeError(ContractError):
    """A value lies outside the range that the specification accepts."""


class UnsupportedError(ContractError):
    """A model, operator or option that this project does not implement."""


class FormatError(ContractError):
    """A file is missing, truncated, inconsistent or hostile."""


class SymbolError(ContractError):
    """A model tried to branch or calculate on a dimension whose size is not known yet."""
