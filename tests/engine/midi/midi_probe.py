"""What a receiver hears: a JACK client that notes every message with its frame, in a process of its own.

Prints JSON: `heard`, [frame, message], and `skipped`, [first, end) frames that the server never ran: nothing can be
heard there, whoever sends it.
"""

from __future__ import annotations

import json
import sys
import time

import jack


def main(source: str, seconds: float) -> None:
    client = jack.Client("probe", no_start_server=True)
    port = client.midi_inports.register("in")
    heard: list[tuple[int, str]] = []
    skipped: list[tuple[int, int]] = []
    end: list[int] = []

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        start = client.last_frame_time
        if end and start != end[0]:
            skipped.append((end[0], start))
        end[:] = [start + frames]
        heard.extend((start + offset, bytes(data).hex()) for offset, data in port.incoming_midi_events())

    with client:
        print("ready", flush=True)
        deadline = time.monotonic() + seconds
        connected = False
        while time.monotonic() < deadline:
            if not connected:
                try:
                    client.connect(source, port)
                    connected = True
                    print("connected", flush=True)
                except jack.JackError:
                    pass
            time.sleep(0.01)
    print(json.dumps({"heard": heard, "skipped": skipped}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
