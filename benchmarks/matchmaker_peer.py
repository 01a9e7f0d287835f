"""Follow a recording with pymatchmaker: run by the Python that has it, which is not the project's own.

python matchmaker_peer.py SCORE AUDIO METHOD     prints one line of JSON: cpu_s, and the path as audio_s and beat
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import matchmaker


def main() -> None:
    """The reference's features and the loading of the file do not count, only following and live features."""
    score, audio, method = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        follower = matchmaker.Matchmaker(score_file=score, performance_file=audio, input_type="audio", method=method)
        begin = time.process_time()
        beats = list(follower.run(verbose=False))
        cpu_s = time.process_time() - begin
    audio_s = [k / follower.frame_rate for k in range(len(beats))]  # its own time of a frame
    print(json.dumps({"cpu_s": cpu_s, "audio_s": audio_s, "beat": [float(beat) for beat in beats]}))


if __name__ == "__main__":
    main()
