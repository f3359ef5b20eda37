#!/usr/bin/env python3
"""A small Orgvue API over a storage that somebody else wrote.

Hands out pre-signed pairs of addresses on that storage, reads what was uploaded when an import is asked for, and
leaves ticket and results there too, so that a run meets the storage at every step. Keeps its data set in memory and
writes down in its folder what happened: `calls` (one line a call) and `imports.json`.
"""

import argparse
import hashlib
import json
import pathlib
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json; charset=UTF-8"


class S3:
    """Addresses on an S3-like storage. They are signed for `public`; the API itself uses `direct`."""

    def __init__(self, args):
        import boto3
        from botocore.config import Config

        def client(endpoint, secret):
            return boto3.client(
                "s3",
                endpoint_url=endpoint,
                region_name=args.region,
                aws_access_key_id=args.key,
                aws_secret_access_key=secret,
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    retries={"max_attempts": 2},
                ),
            )

        self.bucket, self.args = args.bucket, args
        self.direct = client(args.direct, args.secret)
        self.reading = client(args.public, args.secret)
        # A wrong secret here is how a storage is made to refuse a signature.
        self.writing = client(args.public, args.put_secret or args.secret)
        try:
            self.direct.create_bucket(Bucket=self.bucket)
        except Exception as error:
            print("create_bucket:", error, flush=True)

    def get(self, name):
        return self._sign(self.reading, "get_object", name, 900)

    def put(self, name, media_type):
        signed = {"ContentType": self.args.sign_type or media_type} if self.args.sign_type else {}
        return self._sign(self.writing, "put_object", name, self.args.life, **signed)

    def _sign(self, client, call, name, life, **more):
        params = {"Bucket": self.bucket, "Key": name, **more}
        return client.generate_presigned_url(call, Params=params, ExpiresIn=life)

    def store(self, name, text):
        self.direct.put_object(Bucket=self.bucket, Key=name, Body=text.encode())

    def items(self, url):
        # By the address that the import named, but at the storage itself: what stands between is the uploader's.
        name = urllib.parse.urlsplit(url).path.split("/", 2)[2]
        body = self.direct.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        return body, json.loads(body)


class Peer:
    """Addresses on slow_peer.py, which keeps a count of what it got and nothing else."""

    def __init__(self, args):
        self.public = args.public

    def get(self, name):
        return f"{self.public}/{name}?X-Amz-Signature=0"

    def put(self, name, media_type):
        return f"{self.public}/{name}?X-Amz-Signature=0&X-Amz-SignedHeaders=host"

    def count(self, url):
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)


class Api:
    def __init__(self, args):
        self.args = args
        self.storage = Peer(args) if args.peer else S3(args)
        self.folder = pathlib.Path(args.folder)
        self.lock = threading.Lock()
        self.dataset, self.imports, self.tickets = {}, [], {}

    def note(self, call):
        with self.lock, open(self.folder / "calls", "a") as file:
            file.write(call + "\n")

    def generate(self, wanted):
        name = f"{uuid.uuid4()}.{wanted['targetType']}"
        media_type = "application/json" if wanted["targetType"] == "json" else "text/csv"
        return {"get": self.storage.get(name), "put": self.storage.put(name, media_type)}

    def start(self, body, params):
        """What an import does is done at once; its ticket tells of it step by step."""
        ticket = str(uuid.uuid4())
        url = body["importLocation"]["url"]
        told = {"status": "completed", "looks": 0}
        if self.args.peer:
            count = self.storage.count(url)
            record, told["results"] = count, count["items"]
        else:
            try:
                raw, items = self.storage.items(url)
            except Exception as error:
                told |= {"status": "failed", "error": f"{type(error).__name__}: {error}"}
                items, raw = [], b""
            key = params.get("idKey", ["_id"])[0]
            with self.lock:
                for item in items:
                    if item.get("_action") == "delete":
                        self.dataset.pop(item[key], None)
                    else:
                        self.dataset[item[key]] = {k: v for k, v in item.items() if k != "_action"}
            record = {"items": len(items), "bytes": len(raw), "md5": hashlib.md5(raw).hexdigest()}
            results = [{"_id": str(uuid.uuid4()).upper(), "_action": i["_action"], "_status": "success"} for i in items]
            self.storage.store(f"{ticket}.results", json.dumps(results))
        with self.lock:
            self.imports.append(record)
            held = json.dumps(sorted(self.dataset.items()), separators=(",", ":"))
            kept = {"imports": self.imports, "items": len(self.dataset), "held": hashlib.md5(held.encode()).hexdigest()}
            (self.folder / "imports.json").write_text(json.dumps(kept))
        self.tickets[ticket] = told
        return self.ticket(ticket, "created")

    def ticket(self, ticket, status):
        told = self.tickets[ticket]
        own = f"{self.args.own}/tickets/{ticket}?X-Amz-Signature=0"
        if not self.args.peer:
            own = self.storage.get(f"{ticket}.ticket")
        links = {"self": {"url": own, "contentType": JSON, "type": "downloadLink"}}
        if status == "completed":
            url = f"{self.args.own}/results/{ticket}?X-Amz-Signature=0"
            if not self.args.peer:
                url = self.storage.get(f"{ticket}.results")
            links["result"] = {"url": url, "contentType": JSON, "type": "downloadLink"}
        document = {"_links": links, "jobStatus": status, "_createdAt": "2026-01-01T00:00:00.000Z"}
        document["X-Amzn-Trace-Id"] = "Root=1-62bcb5d3-3b211f8616879dea3bde593f"
        if "error" in told:
            document["errors"] = [{"name": "ImportLocation", "code": "500", "message": told["error"]}]
        if not self.args.peer and status == "created":
            # What is polled is a file of the storage's.
            self.storage.store(f"{ticket}.ticket", json.dumps(self.ticket(ticket, told["status"])))
        return document


def handler(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, document):
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def refuse(self, status, name, code):
            self.answer(status, {"errors": [{"name": name, "code": code, "message": name}]})

        def body(self):
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def allowed(self):
            if self.headers.get("Authorization") == f"Bearer {api.args.token}":
                return True
            self.refuse(401, "ApiTokenInvalid", "40102")

        def do_POST(self):
            api.note("generate")
            body = self.body()
            if self.allowed():
                self.answer(200, api.generate(body))

        def do_PUT(self):
            api.note("import")
            body = self.body()
            if self.allowed():
                self.answer(202, api.start(body, urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)))

        def do_GET(self):
            kind, _, name = urllib.parse.urlsplit(self.path).path[1:].partition("/")
            api.note(kind)
            if name not in api.tickets:
                return self.refuse(404, "NotFound", "404001")
            if kind == "tickets":
                return self.answer(200, api.ticket(name, "completed"))
            # As many successes as there were items, and never all of them in memory.
            one = b'{"_action":"create","_status":"success"},'
            left = api.tickets[name]["results"]
            self.send_response(200)
            self.send_header("Content-Length", str(len(one) * left - 1 + 2 if left else 2))
            self.end_headers()
            self.wfile.write(b"[")
            while left > 0:
                now = min(left, 10_000)
                left -= now
                part = one * now
                self.wfile.write(part if left else part[:-1])
            self.wfile.write(b"]")

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--public", required=True, help="where uploads go: the storage, or what stands before it")
    parser.add_argument("--direct", help="the storage itself; the same without it")
    parser.add_argument("--peer", action="store_true", help="the storage is slow_peer.py")
    parser.add_argument("--own", help="the API's own address in tickets; without it http://127.0.0.1:PORT")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--bucket", default="field-files")
    parser.add_argument("--key")
    parser.add_argument("--secret")
    parser.add_argument("--put-secret", help="another secret for uploads alone")
    parser.add_argument("--sign-type", help="uploads are signed with this Content-Type")
    parser.add_argument("--life", type=int, default=900, help="seconds that upload addresses live")
    args = parser.parse_args()
    args.direct = args.direct or args.public
    args.own = args.own or f"http://127.0.0.1:{args.port}"
    server = ThreadingHTTPServer(("127.0.0.1", args.port), handler(Api(args)))
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
