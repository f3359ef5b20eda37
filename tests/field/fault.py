"""A mitmproxy add-on that does to requests what the variable FAULT says: `WHAT` once or `WHAT@TIMES`, from the
first on. An upload is a PUT to the storage, an import a PUT to `/items/import`, and so on; FAULT names which.

    put-lost          stored, and the answer lost          put-flip      one bit of the body turned over
    put-html          502 with a page of 5 MB              put-503       SlowDown
    put-400-CODE      400 with that code of S3's           put-kill      the connection cut in the middle of the body
    import-lost       begun, and the answer lost           generate-429-VALUE   429 with that Retry-After
    results-cut       half of the results, then the end    ticket-500    500 for a look at the ticket
"""

import os
import urllib.parse

from mitmproxy import http

WHAT, _, TIMES = os.environ["FAULT"].partition("@")
TIMES = int(TIMES or 1)
STEP, _, DEED = WHAT.partition("-")
done = 0


def step(flow):
    path = flow.request.path.split("?")[0]
    if flow.request.method == "POST":
        return "generate"
    if flow.request.method == "PUT":
        return "import" if path.endswith("/items/import") else "put"
    return "results" if path.endswith(".results") else "ticket"


def mine(flow):
    return step(flow) == STEP and done < TIMES


def xml(status, code):
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return http.Response.make(status, text, {"Content-Type": "application/xml"})


def requestheaders(flow):
    global done
    if mine(flow) and DEED == "kill":
        done += 1
        size, seen = 0, flow.request.headers.get("content-length", "0")

        def half(part):
            nonlocal size
            size += len(part)
            if size > int(seen) // 2:
                flow.kill()
                raise ConnectionResetError("killed in the middle")
            return part

        flow.request.stream = half


def request(flow):
    global done
    if not mine(flow):
        return
    if DEED == "flip":
        done += 1
        body = bytearray(flow.request.content)
        # In a name, so that it stays JSON.
        body[body.rindex(b"CANARYCELL") + 9] ^= 1
        flow.request.content = bytes(body)
    elif DEED == "html":
        done += 1
        page = "<html><h1>Bad gateway \x1b[31m</h1>" + "x" * 5_000_000
        flow.response = http.Response.make(502, page, {"Content-Type": "text/html"})
    elif DEED == "503":
        done += 1
        flow.response = xml(503, "SlowDown")
    elif DEED.startswith("400-"):
        done += 1
        flow.response = xml(400, DEED[4:])
    elif DEED == "500":
        done += 1
        flow.response = xml(500, "InternalError")
    elif DEED.startswith("429-"):
        done += 1
        flow.response = http.Response.make(
            429,
            '{"errors":[{"name":"Throttled","code":"42901","message":"Too many requests"}]}',
            {"Content-Type": "application/json", "Retry-After": urllib.parse.unquote(DEED[4:])},
        )


def response(flow):
    global done
    if not mine(flow):
        return
    if DEED == "lost":
        done += 1
        flow.kill()
    elif DEED == "cut":
        done += 1
        # The length stays that of the whole.
        whole = flow.response.raw_content
        flow.response.raw_content = whole[: len(whole) // 2]
        flow.response.headers["content-length"] = str(len(whole))
