"""What words above the staff mean for the order of play: D.C. al Fine, To Coda, Fine, in several languages."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

__all__ = ["CODA", "SEGNO", "JumpWords", "jump_words"]

SEGNO, CODA = "\U0001d10b", "\U0001d10c"  # the signs as characters
MOST_CHARACTERS = 80  # longer words are about something else
SIGNS = {SEGNO: " sgn ", "\ue047": " sgn ", CODA: " cda ", "\ue048": " cda ", "⊕": " cda ", "⨁": " cda ", "§": " sgn "}
ABBREVIATIONS = (
    (r"\bm\s*\.\s*d\s*\.\s*c\b", " m dacapo "),
    (r"\bd\s*\.\s*c\b|\bdc\b|\bd ?c\.|\bd c(?= al)|\bd\s*/\s*c\b", " dacapo "),
    (r"\bd\s*\.\s*s\s*\.?\s*s\b|\bdss\b", " dalsegno 2 "),
    (r"\bd\s*\.\s*s\b|\bds\b|\bd ?s\.|\bd s(?= al)|\bd\s*/\s*s\b", " dalsegno "),
)
TO_START = (
    r"\bda?l?[ -]?cap+o\b|\bde capo\b|\b(from the|vom|von|ab|desde el|depuis le|du|ao|do|dal) "
    r"(beginning|start|anfang|vorne?|principio|inicio|debut|comeco)\b|\bvon vorne?\b|\bda principio\b"
)
TO_SEGNO = r"\b(dal|del|da|from the|from|vom|ab|desde el|desde|depuis le|du|do) (segno|sgn|signo|signe|zeichen|sign)\b"
NOT_NOW = r"\b(senza|without|no|non|ohne|sans|sin|sem|kein) (il )?(dacapo|dalsegno)\b"
FINE = r"\b(fine|fin|fim|finis|ende|schluss|einde|end)\b"
CODA_WORD = r"\b(coda|cda|kopf)\b"
SEGNO_WORD = r"\b(segno|sgn|signo|signe|zeichen|sign)\b"
TO = r"(to|al|alla|all|a la|zur|zum|naar|vers|au|a|ao|till|ir|go to|jump to|skip to)"
DANCE = r"\b(m|men|menuet\w*|minuet\w*|scherz\w*|bourree\w*|gavot\w*|passepied\w*|polonaise|ma[rz]\w*|wal[tz]\w*)\b"
WITH_REPEATS = r"\b(con|with|mit|avec|com)( \w+)? (rep|rip|rit|wied|wdh|reprises)"
WITHOUT_REPEATS = r"\b(senza|without|no|ohne|sans|sin|sem|s)( \w+)? (rep|rip|rit|wied|wdh|reprises)"


class JumpWords(NamedTuple):
    """The meaning of words.

    kind: "dacapo", "dalsegno", "segno", "coda", "to coda", "coda sign" (To Coda or the coda itself), "fine", "trio",
        or what adds to a D.C. or D.S. nearby: "al fine", "al coda"
    label: number of the segno or coda that is meant; empty where there is none
    until, repeats: as of a `Leap`
    """

    kind: str
    label: str = ""
    until: str = ""
    repeats: bool | None = None


def jump_words(text: str) -> JumpWords | None:
    """Return what words mean for the order of play, or None.

    >>> jump_words("D. C.  al  FINE (senza rep.)")
    JumpWords(kind='dacapo', label='', until='fine', repeats=False)
    """
    plain = _plain(text)
    if not plain or len(plain) > MOST_CHARACTERS or re.search(NOT_NOW, plain):
        return None
    for kind in ("dacapo", "dalsegno"):
        head, found, rest = plain.partition(kind)
        if found and len(head.split()) <= 3:
            words = _leap(kind, rest)
            return words._replace(until=words.until or "dance") if re.search(DANCE, head) else words
    return _place(plain)


def _plain(text: str) -> str:
    """Return the words in lower case without accents and punctuation, abbreviations and signs as words."""
    for sign, word in SIGNS.items():
        text = text.replace(sign, word)
    folded = unicodedata.normalize("NFKD", text.replace("_", " ")).casefold()
    folded = "".join(each for each in folded if not unicodedata.combining(each))
    for pattern, word in ABBREVIATIONS:
        folded = re.sub(pattern, word, folded)
    spaced = " ".join(re.sub(r"[^\w]+", " ", folded).split())
    return re.sub(TO_SEGNO, "dalsegno", re.sub(TO_START, "dacapo", spaced))


def _leap(kind: str, rest: str) -> JumpWords:
    number = re.match(r" (\d)\b", rest)
    until = ""
    if kind == "dacapo" and re.search(SEGNO_WORD, rest):
        until = "segno, coda" if re.search(CODA_WORD, rest) else "segno"
    elif re.search(CODA_WORD, rest):
        until = "coda"
    elif re.search(FINE, rest):
        until = "fine"
    repeats = True if re.search(WITH_REPEATS, rest) else False if re.search(WITHOUT_REPEATS, rest) else None
    return JumpWords(kind, number[1] if number and kind == "dalsegno" else "", until, repeats)


def _place(plain: str) -> JumpWords | None:
    """Return the meaning of words that are no jump back."""
    number = re.search(r"\b(?:coda|cda|segno|sgn) (\d)\b", plain)
    label = number[1] if number else ""
    for kind, pattern in PLACES:
        if re.fullmatch(pattern, plain):
            return JumpWords(kind, label)
    return None


PLACES = (
    ("coda sign", r"cda"),
    ("segno", r"(segno |sgn |\d )*(segno|sgn)( \d)?( sgn)?"),
    ("al coda", r"(al|alla|all|a la|zur|ao) (cda )?coda( \d| cda)*|(al|alla|zur) cda"),
    ("to coda", rf"(\w+ ){{0,3}}{TO} (the |la |next )?(cda |\d )?(coda|cda)( \d| cda)*( \w+){{0,2}}|cda {TO} coda"),
    ("coda", r"(cda )*(la |the )?coda( \d| cda)*"),
    ("trio", r"trio( \w{1,3})?"),
    ("al fine", rf"{TO} {FINE}"),
    ("fine", rf"(il |la |the |das )?{FINE}"),
)
