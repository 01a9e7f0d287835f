"""Follow recordings with pymatchmaker: run by the Python that has it, which is not the project's own.

python matchmaker_peer.py METHOD SCORE AUDIO [SCORE AUDIO ...]

Prints one line of JSON a recording: cpu_s, and the path as audio_s and beat; or error.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import matchmaker


def main() -> None:
    """Follow one recording after another."""
    method, *paths = sys.argv[1:]
    for score, audio in zip(paths[::2], paths[1::2], strict=True):
        try:
            found = follow(method, score, audio)
        except Exception as error:  # whatever the peer raises, the next recording is another matter
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), flush=True)


def follow(method: str, score: str, audio: str) -> dict[str, object]:
    """The reference's features and the loading of the file do not count, only following and live features."""
    with contextlib.redirect_stdout(sys.stderr):
        follower = matchmaker.Matchmaker(score_file=score, performance_file=audio, input_type="audio", method=method)
        begin = time.process_time()
        beats = list(follower.run(verbose=False))
        cpu_s = time.process_time() - begin
    audio_s = [k / follower.frame_rate for k in range(len(beats))]  # its own time of a frame
    return {"cpu_s": cpu_s, "audio_s": audio_s, "beat": [float(beat) for beat in beats]}


if __name__ == "__main__":
    main()
