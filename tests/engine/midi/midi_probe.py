"""A MIDI receiver: a JACK client in a process of its own that notes every message with its frame.

`python -m tests.engine.midi.midi_probe PORT` prints "ready", "connected" as soon as it is connected to the port, and
JSON: [frame, message] for each message, and at the end of its input the [first, end) frames that the server never ran:
no message can arrive there, whoever sends it.
"""

from __future__ import annotations

import json
import sys
import threading

import jack


def main(source: str) -> None:
    client = jack.Client("probe", no_start_server=True)
    port = client.midi_inports.register("in")
    received: list[tuple[int, str]] = []
    skipped: list[tuple[int, int]] = []
    end: list[int] = []

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        start = client.last_frame_time
        if end and start != end[0]:
            skipped.append((end[0], start))
        end[:] = [start + frames]
        received.extend((start + offset, bytes(data).hex()) for offset, data in port.incoming_midi_events())

    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    with client:
        print("ready", flush=True)
        connected, n = False, 0
        while not over.wait(0.01):
            if not connected:
                connected = _connect(client, source, port)
            for message in received[n:]:
                print(json.dumps(message), flush=True)
                n += 1
    for message in received[n:]:
        print(json.dumps(message))
    print(json.dumps(skipped))


def _connect(client: jack.Client, source: str, port: jack.OwnMidiPort) -> bool:
    try:
        client.connect(source, port)
    except jack.JackError:
        return False
    print("connected", flush=True)
    return True


if __name__ == "__main__":
    main(sys.argv[1])
