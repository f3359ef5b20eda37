"""How well a rate limit is held: what a sink sees in every span of five seconds, and what CPU it costs.

usage: pace.py ROSTREAM EXTRACT.csv [RATE ...]        (MB/s; default 10 40)
"""

import bisect
import json
import socket
import sys
import threading
import time

from measured import rostream
from sink import serve

SPAN = 5.0


class Watched:
    """A connection that notes when how many bytes had come."""

    def __init__(self, connection, seen):
        self.connection, self.seen, self.total = connection, seen, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def recv_into(self, buffer):
        size = self.connection.recv_into(buffer)
        self.total += size
        self.seen.append((time.perf_counter(), self.total))
        return size

    def sendall(self, data):
        self.connection.sendall(data)


def listen(seen):
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept():
        while True:
            connection, _ = listener.accept()
            moments = []
            seen.append(moments)
            threading.Thread(target=serve, args=(Watched(connection, moments), address), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return address


def spans(moments):
    """Bytes per second in every span that begins after the first one and ends before the last bytes."""
    times = [at for at, _ in moments]
    start = times[0] + SPAN
    while start + SPAN < times[-1]:
        first, last = bisect.bisect_right(times, start) - 1, bisect.bisect_right(times, start + SPAN) - 1
        yield (moments[last][1] - moments[first][1]) / SPAN
        start += 0.1


def main():
    program, file, *rates = sys.argv[1:]
    print("| rate | lowest of any 5 s | highest | CPU while sending |\n|---:|---:|---:|---:|")
    for rate in [float(r) for r in rates] or [10, 40]:
        seen = []
        with rostream(program, listen(seen)) as command:
            unpaced = command("run", file).cpu
            seen.clear()
            done = command("run", file, f"upload.rate={rate:g}MB/s")
        upload = max(seen, key=lambda moments: moments[-1][1] if moments else 0)
        found = [speed / (rate * 1e6) - 1 for speed in spans(upload)]
        seconds = json.loads(done.out)["seconds"]["upload"]
        # What the work itself takes is the same without a limit.
        idle = max(0.0, done.cpu - unpaced) / seconds
        print(f"| {rate:g} MB/s | {min(found):+.1%} | {max(found):+.1%} | {done.cpu / seconds:.1%}, {idle:.1%} more than without |")


if __name__ == "__main__":
    main()
