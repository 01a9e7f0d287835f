"""Who may see and who may control: two tokens, which become cookies."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["StageAccess", "StageRole", "new_token"]

TOKEN_BYTES = 16  # 128 bits


class StageRole(StrEnum):
    """What a client may do."""

    CONTROLLER = "controller"
    VIEWER = "viewer"


def new_token() -> str:
    """Return a random token that fits in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def _one_each() -> dict[StageRole, str]:
    return {role: new_token() for role in StageRole}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAccess:
    """Tokens and cookies of each role; a token stands in an address, a cookie never does.

    open: whether everybody who reaches the server may control it, for one that listens to this machine alone
    """

    open: bool
    tokens: Mapping[StageRole, str] = field(default_factory=_one_each)
    cookies: Mapping[StageRole, str] = field(default_factory=_one_each)

    def redeem(self, token: str) -> StageRole | None:
        """Return the role that a token gives."""
        return _match(self.tokens, token)

    def role(self, cookie: str | None) -> StageRole | None:
        """Return the role that a cookie gives, None for none."""
        known = None if cookie is None else _match(self.cookies, cookie)
        return known or (StageRole.CONTROLLER if self.open else None)


def _match(known: Mapping[StageRole, str], given: str) -> StageRole | None:
    """Compare with all of them, in a time that tells nothing about them."""
    found = None
    for role, secret in known.items():
        if hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogateescape")):
            found = role
    return found
