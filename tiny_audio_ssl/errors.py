"""The exception that is meant for users."""


class UserError(Exception):
    """An error that the user can correct.

    The message says what was given, what was expected and what to type instead. The command line
    prints it without a traceback and exits with code 2.
    """
