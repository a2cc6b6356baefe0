"""What goes wrong between a user's target and a traced graph: one line each."""


class TargetError(ValueError):
    """A target that cannot be loaded or traced; the message names it, the reason and what was wanted."""


class NotFiniteError(TargetError):
    """NaN or infinity where the arithmetic needs numbers; the message names the tensor."""


USER_ERRORS = (Exception, SystemExit)
"""What a user's code may raise and the tool reports: leaving Python, with whatever status, is no success either."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return `Type: message` of an exception on one line of at most `limit` characters."""
    text = " ".join(str(error).split())
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."
