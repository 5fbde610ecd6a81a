"""The exception for mistakes that the user can fix."""


class UserError(Exception):
    """A mistake that the user can fix.

    The message says what was given, what was expected and what to type instead. The command line
    prints it without a traceback and exits with code 2.
    """
