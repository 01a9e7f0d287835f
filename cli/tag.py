"""`collaparte tag`: recordings to sound events and tags."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from cli.stopping import USER_ERROR
from engine.core.errors import AudioFileError
from offline.datasets.scenes import tsv_rows, write_tsv
from offline.detection.presets import file_config
from offline.detection.tagging import Tagged, Tagger, find_recordings, tag_files, write_tags

__all__ = ["command"]

STANDARD_OUTPUT = Path("-")


def command(args: argparse.Namespace) -> int:
    """Tag every recording; USER_ERROR if one could not be read."""
    tagger, files = Tagger(file_config(args)), find_recordings(args.files)
    for path in (None if args.output == STANDARD_OUTPUT else args.output, args.tags):
        _writable(path)
    found: dict[str, Tagged] = {}
    with tqdm(total=len(files), unit="file", disable=len(files) < 2) as bar:
        for name, tagged in tag_files(files, tagger, lambda line: bar.write(line, file=sys.stderr)):
            bar.update()
            if tagged is not None:
                found[name] = tagged
    _write(args, found)
    return 0 if len(found) == len(files) else USER_ERROR


def _write(args: argparse.Namespace, found: dict[str, Tagged]) -> None:
    events = {name: of.events for name, of in found.items()}
    if args.tags is not None:
        write_tags(args.tags, {name: of.tags for name, of in found.items()})
    if args.output is not None and args.output != STANDARD_OUTPUT:
        write_tsv(args.output, events)
    elif args.output is not None or args.tags is None:
        sys.stdout.writelines("\t".join(row) + "\n" for row in tsv_rows(events))


def _writable(path: Path | None) -> None:
    """Say at once if a result could not be written, before minutes of work."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise AudioFileError(str(path), expected="a place to write", got=error.strerror or "an error") from error
