"""What happens on a node, over as many connections as it takes."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Generator, Literal, NamedTuple, Optional, TypedDict, Union

from ..errors import ApiError, NoAnswerError
from ._event_source import EventSourceParser, Message
from ._request import Request
from ._transport import Transport, parsed
from .types import ConsumerReport, NodeEvent, ResultMessage

SILENCE_S = 45.0
"""A node writes at least every 15 s: three times that, and the connection counts as lost."""
_POSITION = "position"
"""A message that says where a stream begins. It is no event of the node."""


class Statistics(TypedDict):
    """Of a consumer, every 10 s."""

    camera: str
    consumer: str
    report: ConsumerReport


class WatchedResult(TypedDict):
    """A result of a consumer."""

    type: Literal["result"]
    result: ResultMessage


class WatchedStatistics(TypedDict):
    """Statistics of a consumer."""

    type: Literal["stats"]
    stats: Statistics


class WatchedEvent(TypedDict):
    """An event of the node."""

    type: Literal["event"]
    event: NodeEvent


class LostItem(TypedDict):
    """How many results and statistics this client has lost in all, because it is slow."""

    type: Literal["lost"]
    samples: int


WatchItem = Union[WatchedResult, WatchedStatistics, WatchedEvent, LostItem]


class Resume(NamedTuple):
    """How to go on after a lost connection."""

    after: Optional[str]
    on_lost: Optional[Callable[[Exception], None]]
    retry_s: float


def resumed(transport: Transport, request: Request, resume: Resume) -> Generator[Any, None, None]:
    """The values of a stream, until the transport is closed. Raises ApiError for a refusal, NoAnswerError `bad_answer`."""
    last = resume.after
    while True:
        try:
            with closing(_messages(transport, request, last)) as messages:
                for message in messages:
                    last = message.id or last
                    if message.event != _POSITION:
                        yield parsed(message.data)
            lost: Exception = NoAnswerError("lost", "the node closed the stream")
        except (ApiError, NoAnswerError) as error:
            if _is_closed(error):
                return
            if not _may_pass(error):
                raise
            lost = error
        if resume.on_lost:
            resume.on_lost(lost)
        if transport.pause(resume.retry_s):
            return


def _messages(transport: Transport, request: Request, last: Optional[str]) -> Generator[Message, None, None]:
    resuming = {} if last is None else {"Last-Event-ID": last}
    parser = EventSourceParser()
    with transport.exchange(request, {"Accept": "text/event-stream", **resuming}) as answer:
        for chunk in answer.chunks(SILENCE_S):
            yield from parser.feed(chunk)


def _is_closed(error: Exception) -> bool:
    return isinstance(error, NoAnswerError) and error.code == "closed"


def _may_pass(error: Exception) -> bool:
    """A refusal is refused again; only a node that is full may have room later. What is too long comes again."""
    if isinstance(error, ApiError):
        return error.status == 503
    return isinstance(error, NoAnswerError) and error.code != "bad_answer"
