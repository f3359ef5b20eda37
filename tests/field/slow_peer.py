#!/usr/bin/env python3
"""A storage that reads slowly: at a rate, with a stop of some seconds now and then, through a small window.

Keeps the count, the MD5 and the number of items of what it got, and answers a GET with them.
"""

import argparse
import hashlib
import json
import socket
import threading
import time

MARK = b'"_action"'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="bytes a second")
    parser.add_argument("--every", type=float, default=30, help="seconds between stops")
    parser.add_argument("--stop", type=float, default=8, help="seconds that a stop takes")
    args = parser.parse_args()
    got = {}

    def serve(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            if not part:
                return
            head += part
        head, rest = head.split(b"\r\n\r\n", 1)
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        path = path.split("?")[0]
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if method == "GET":
            text = json.dumps(got[path]).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            return
        length, seen, items = int(fields[b"content-length"]), 0, 0
        digest, tail = hashlib.md5(), b""
        began = stopped = time.monotonic()
        while True:
            if rest:
                seen += len(rest)
                digest.update(rest)
                # A mark that lies across two parts is counted with the second.
                items += (tail + rest).count(MARK)
                tail = rest[-len(MARK) + 1 :]
            if seen >= length:
                break
            now = time.monotonic()
            if now - stopped > args.every:
                time.sleep(args.stop)
                # What was not read meanwhile is not caught up with.
                began += args.stop
                stopped = time.monotonic()
            ahead = seen / args.rate - (now - began)
            if ahead > 0:
                time.sleep(ahead)
            rest = connection.recv(262144)
            if not rest:
                return
        got[path] = {"items": items, "bytes": seen, "md5": digest.hexdigest()}
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "%s"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' % digest.hexdigest().encode())

    def handle(connection):
        with connection:
            serve(connection)

    listener = socket.create_server(("127.0.0.1", args.port))
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
