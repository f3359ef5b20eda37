"""A server that takes an import and keeps nothing: it gives an upload address, reads what is put there and
throws it away, and says that the job is done, with no results. Prints its port.
"""

import json
import socket
import threading

BUFFER = 1 << 20


def head(connection, buffer, held):
    """Reads up to the end of a request's head; what was read beyond it comes along."""
    while b"\r\n\r\n" not in held:
        size = connection.recv_into(buffer)
        if size == 0:
            return None, b""
        held += buffer[:size].tobytes()
    text, _, rest = held.partition(b"\r\n\r\n")
    return text.decode("latin-1").split("\r\n"), rest


def answer(connection, status, body):
    text = json.dumps(body).encode()
    connection.sendall(
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (status, len(text), text)
    )


def serve(connection, base):
    buffer = memoryview(bytearray(BUFFER))
    link = lambda path: {"method": "GET", "url": f"{base}/{path}"}
    ticket = {"jobStatus": "completed", "_links": {"self": link("ticket"), "result": link("results")}}
    held = b""
    with connection:
        while True:
            lines, held = head(connection, buffer, held)
            if lines is None:
                return
            method, path, _ = lines[0].split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            left = int(fields.get("content-length", "0")) - len(held)
            while left > 0:
                size = connection.recv_into(buffer[: min(left, BUFFER)])
                if size == 0:
                    return
                left -= size
            held = b""
            path = path.partition("?")[0]
            if path.endswith("/files/generate"):
                answer(connection, b"200 OK", {"put": f"{base}/upload", "get": f"{base}/upload"})
            elif path.endswith("/items/import"):
                answer(connection, b"202 Accepted", ticket)
            elif path == "/results":
                answer(connection, b"200 OK", [])
            elif path == "/ticket":
                answer(connection, b"200 OK", ticket)
            elif path == "/upload" and method == "PUT":
                answer(connection, b"200 OK", {})
            else:
                answer(connection, b"404 Not Found", {})


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    print(port, flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, f"http://127.0.0.1:{port}"), daemon=True).start()


if __name__ == "__main__":
    main()
