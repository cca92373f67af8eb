"""A method per route of the HTTP API. Made by scripts/docs.mjs from packages/contracts: do not edit."""

from __future__ import annotations

from typing import List, Optional

from ._request import Request, Sender
from .types import MadeToken, Me, NewToken, NewUser, Token, User, UserChange


class AccessRoutes(Sender):
    """One method per route (docs/protocol/http.md). Each raises ApiError and NoAnswerError."""

    def logout(self, *, idempotency_key: Optional[str] = None) -> None:
        """Ends the session, and its streams.

        `POST /api/v1/logout`, role screen.
        """
        self._json(Request("POST", "/api/v1/logout", key=idempotency_key))

    def me(self) -> Me:
        """Who asks, and what they may do.

        `GET /api/v1/me`, role screen.
        """
        answer: Me = self._json(Request("GET", "/api/v1/me"))
        return answer

    def users(self) -> List[User]:
        """All users.

        `GET /api/v1/users`, role admin.
        """
        answer: List[User] = self._json(Request("GET", "/api/v1/users"))
        return answer

    def add_user(self, body: NewUser, *, idempotency_key: Optional[str] = None) -> User:
        """Adds a user. The first one must be an admin of all cameras.

        `POST /api/v1/users`, role admin.
        """
        answer: User = self._json(Request("POST", "/api/v1/users", body=body, key=idempotency_key))
        return answer

    def change_user(self, user: str, body: UserChange, *, idempotency_key: Optional[str] = None) -> User:
        """Changes a role, the cameras or the password of a user. What is absent stays.

        `PUT /api/v1/users/{user}`, role admin.
        """
        answer: User = self._json(
            Request("PUT", "/api/v1/users/{user}", params={"user": user}, body=body, key=idempotency_key),
        )
        return answer

    def remove_user(self, user: str, *, idempotency_key: Optional[str] = None) -> None:
        """Removes a user with their tokens, sessions and streams.

        `DELETE /api/v1/users/{user}`, role admin.
        """
        self._json(Request("DELETE", "/api/v1/users/{user}", params={"user": user}, key=idempotency_key))

    def tokens(self) -> List[Token]:
        """Your tokens; for an admin of all cameras, those of all users. Without their secrets.

        `GET /api/v1/tokens`, role viewer.
        """
        answer: List[Token] = self._json(Request("GET", "/api/v1/tokens"))
        return answer

    def add_token(self, body: NewToken, *, idempotency_key: Optional[str] = None) -> MadeToken:
        """Makes a token, which is shown this once. An admin of all cameras may make one for another user. Not with a token.

        `POST /api/v1/tokens`, role viewer.
        """
        answer: MadeToken = self._json(Request("POST", "/api/v1/tokens", body=body, key=idempotency_key))
        return answer

    def remove_token(self, token: str, *, idempotency_key: Optional[str] = None) -> None:
        """Removes a token: one of yours, or as an admin of all cameras any.

        `DELETE /api/v1/tokens/{token}`, role viewer.
        """
        self._json(Request("DELETE", "/api/v1/tokens/{token}", params={"token": token}, key=idempotency_key))
