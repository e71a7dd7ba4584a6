"""The error family. Each message is one line: the value, what was expected, what to do."""


class CooptagError(Exception):
    """Base of every error that a user can cause. `error_type` names it to programs, `exit_code` to shells."""

    error_type = "error"
    exit_code = 2


class UsageError(CooptagError):
    """An option or argument is wrong."""

    error_type = "usage"


class InputError(CooptagError):
    """A text or file cannot be read as what it should be."""

    error_type = "bad_input"


class ModelError(CooptagError):
    """A model folder is absent, damaged, or holds what it must not hold."""

    error_type = "model_corrupt"
    exit_code = 3
