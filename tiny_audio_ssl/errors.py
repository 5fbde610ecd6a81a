"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something that the user can mend.

    The message says what was given, what was expected and what to type instead. The command line
    prints it without a traceback and ends with exit code 2.
    """
