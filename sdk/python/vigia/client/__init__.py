"""A client of a node's HTTP API (docs/protocol/http.md of the vigia repository). Start with :class:`Client`."""

from ..errors import ApiError, NoAnswerError
from ._client import Client
from ._streams import LostItem, WatchedEvent, WatchedResult, WatchedStatistics, WatchItem

__all__ = [
    "ApiError",
    "Client",
    "LostItem",
    "NoAnswerError",
    "WatchItem",
    "WatchedEvent",
    "WatchedResult",
    "WatchedStatistics",
]
