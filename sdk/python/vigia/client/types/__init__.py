"""Types of what a node is sent, and of what it sends. For type checkers: nothing is validated here."""

from .answers import *  # noqa: F403
from .bodies import *  # noqa: F403
from .events import *  # noqa: F403
from .queries import *  # noqa: F403
from .reports import *  # noqa: F403
