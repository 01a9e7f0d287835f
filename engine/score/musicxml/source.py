"""From the bytes of a MusicXML file, compressed or not, to its root element; malicious files are refused."""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree.ElementTree import Element, ParseError
from xml.etree.ElementTree import fromstring as plain_fromstring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from engine.core.errors import ScoreError
from engine.score.file_bytes import MAX_SCORE_BYTES

__all__ = ["musicxml_root"]

ZIP = b"PK\x03\x04"
CONTAINER = "META-INF/container.xml"
ROOTS = ("score-partwise", "score-timewise")
SCORES = (".musicxml", ".xml")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
DECLARATION = re.compile(rb"^<\?xml[^>]*?\?>")
DECLARING = re.compile(rb"<!DOCTYPE[^>\[]*\[")
DECLARED = re.compile(rb"""encoding\s*=\s*["']([\w.-]+)["']""")


def musicxml_root(where: str, data: bytes) -> Element:
    """Return the root of a score, its names without namespaces.

    Raises ScoreError for what is no MusicXML, for entities (a DOCTYPE line is fine: nothing is fetched), and for
    compressed files that hold no score, or one too large.
    """
    root = _parsed(where, _unpacked(where, data) if data.startswith(ZIP) else data)
    if root.tag not in ROOTS:
        raise ScoreError(where, expected="a MusicXML score", got=f"<{root.tag[:40]}>", remedy="export it as MusicXML")
    return root


def _parsed(where: str, data: bytes) -> Element:
    try:
        text = _clean(data)
        if _declares_nothing(text):
            root: Element = plain_fromstring(text)  # expat alone, in two thirds of the time
        else:
            root = fromstring(text, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        got = type(error).__name__
        expected = "MusicXML without entities or internal DTD"
        raise ScoreError(where, expected=expected, got=got, remedy="remove them and try again") from error
    except (ParseError, ValueError, LookupError) as error:
        remedy = "open it in a score editor and export it again"
        raise ScoreError(where, expected="well-formed MusicXML", got=str(error)[:120], remedy=remedy) from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def _declares_nothing(text: bytes) -> bool:
    """Return whether a text that is UTF-8 or ASCII has no declaration at all, besides a DOCTYPE without any."""
    head = DECLARATION.match(text)
    declared = DECLARED.search(head[0]) if head else None
    known = declared is None or declared[1].lower() in (b"utf-8", b"us-ascii", b"ascii")
    return known and not text.startswith(UTF_16) and b"<!ENTITY" not in text and DECLARING.search(text) is None


def _clean(data: bytes) -> bytes:
    """Return the XML without blanks around it, and in the encoding that it declares."""
    if data.startswith(UTF_16):
        return data
    text = data.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\0")
    head = DECLARATION.match(text)
    declared = DECLARED.search(head[0]) if head else None
    name = declared[1].decode().lower() if declared else "utf-8"
    if head is None or not (name == "utf-8" or name.startswith("utf-16")):
        return text
    body = text[head.end() :]
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body


def _unpacked(where: str, data: bytes) -> bytes:
    """Return the score in a compressed file, without writing to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _member(where, archive, _score_name(where, archive))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        if isinstance(error, ScoreError):
            raise
        got = f"{type(error).__name__}: {error}"[:120]
        raise ScoreError(where, expected="a whole compressed score", got=got, remedy="export it again") from error


def _score_name(where: str, archive: zipfile.ZipFile) -> str:
    """Return the name of the score: the first that the container names and that is there, else the only one."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    named = _rootfiles(where, archive, names)
    plain = {_plain(name): name for name in names}
    there = [plain[_plain(name)] for name in named if _plain(name) in plain]
    if scores := [name for name in there if _is_score(name)] or [name for name in there if not _is_other(name)]:
        return scores[0]
    inside = [name for name in names if _is_score(name) and not _plain(name).startswith("meta-inf/")]
    if len(inside) == 1:
        return inside[0]
    got = f"{len(inside)} of them" + (f", and a container that names {named[0]}" if named else "")
    raise ScoreError(where, expected="a score in the compressed file", got=got, remedy="export it again")


def _rootfiles(where: str, archive: zipfile.ZipFile, names: list[str]) -> list[str]:
    """Return what the container names, MusicXML first; nothing if there is no container."""
    containers = [name for name in names if _plain(name) == _plain(CONTAINER)]
    if not containers:
        return []
    files = [each for each in _parsed(where, _member(where, archive, containers[0])).iter() if each.tag == "rootfile"]
    files.sort(key=lambda each: "musicxml" not in each.get("media-type", "musicxml"))
    return [path for each in files if (path := each.get("full-path", ""))]


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").lstrip("/").casefold()


def _is_score(name: str) -> bool:
    return name.casefold().endswith(SCORES)


def _is_other(name: str) -> bool:
    return name.casefold().endswith((".pdf", ".png", ".jpg", ".svg", ".mid", ".mp3", ".txt"))


def _member(where: str, archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member up to the limit, because its declared size may be wrong."""
    with archive.open(name) as member:
        data = member.read(MAX_SCORE_BYTES + 1)
    if len(data) > MAX_SCORE_BYTES:
        got, remedy = f"more in {name}", "do not open it"
        raise ScoreError(where, expected=f"at most {MAX_SCORE_BYTES} bytes unpacked", got=got, remedy=remedy)
    return data
