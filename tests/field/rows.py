#!/usr/bin/env python3
"""The rows: what goes wrong on the way to servers that we did not write, and what is promised for it.

A row is a function that plays one fault and looks at the outcome; its name is the promise's number. `run.sh` installs
what they need and starts this.
"""

import json
import os
import re
import signal
import sys
import threading
import time
import traceback

from rig import HERE, PROGRAM, STORAGE, Rig, Skip, Wrong, as_root, expect, free_port, knows, need

ROWS = []


def row(name, server, slow=False):
    """Names a row; one that is `slow` takes minutes and is run where it is asked for by name, or with `all`."""

    def add(function):
        ROWS.append((name, server, slow, function))
        return function

    return add


def soon(rig, **timeouts):
    """Settings that make waiting short, where this build has them."""
    if not knows("timeouts"):
        return ""
    return "timeouts: { " + ", ".join(f"{name}: {value}" for name, value in timeouts.items()) + " }\n"


def straight(rig, *options):
    """The API over s3s-fs, with nothing between."""
    storage = rig.storage()
    rig.api(storage, None, *options)
    return storage


# Nothing goes wrong.


@row("T00", "s3s-fs behind the strict nginx front")
def plain():
    """Every length and format arrives whole, at a storage that verifies signatures."""
    for length in ["measured", "spooled"]:
        with Rig() as rig:
            storage = rig.storage()
            rig.api(rig.front(storage), storage)
            rig.pipeline(25_000, f"upload: {{ length: {length} }}")
            rig.whole(rig.run(), attempts=1)
    return "25,000 rows arrive whole, measured and spooled"


@row("T00", "LocalStack 4.14")
def plain_localstack():
    with Rig() as rig:
        rig.api(rig.localstack())
        rig.pipeline(25_000)
        rig.whole(rig.run(), attempts=1)
        return "25,000 rows arrive whole"


@row("T00", "garage 2.5")
def plain_garage():
    with Rig() as rig:
        rig.api(rig.garage())
        rig.pipeline(25_000)
        rig.whole(rig.run(), attempts=1)
        return "25,000 rows arrive whole"


# The API.


@row("T01", "a closed port")
def refused():
    with Rig() as rig:
        rig.base_url = f"http://127.0.0.1:{free_port()}"
        rig.pipeline()
        ended = rig.run()
        expect(ended.code == 1, f"exit {ended.code}: {ended.error}")
        expect("cannot connect to 127.0.0.1" in ended.error, ended.error)
        return f"exit 1: {ended.error[:70]}"


@row("T03", "mitmproxy before the API")
def retry_after():
    """Obeyed up to its cap; what is no time is passed over."""
    seen = []
    for value, least, most in [("2", 2, 30), ("Wed, 01 Jan 2020 00:00:00 GMT", 0, 30), ("-5", 0, 30), ("soon", 0, 30)]:
        with Rig() as rig:
            rig.api(rig.storage(), before=lambda port: rig.mitm(port, "generate-429-" + value.replace(" ", "%20")))
            rig.pipeline()
            ended = rig.run()
            rig.whole(ended)
            expect(least <= ended.seconds < most, f"`{value}`: {ended.seconds:.1f} s")
            seen.append(f"`{value}` {ended.seconds:.1f} s")
    return "done after " + ", ".join(seen)


@row("T03", "mitmproxy before the API, a Retry-After of 30 years", slow=True)
def retry_after_for_ever():
    with Rig() as rig:
        rig.api(rig.storage(), before=lambda port: rig.mitm(port, "generate-429-1000000000"))
        rig.pipeline()
        ended = rig.run()
        rig.whole(ended)
        expect(55 < ended.seconds < 100, f"{ended.seconds:.1f} s")
        return f"capped: done after {ended.seconds:.0f} s"


# The upload.


@row("T06", "network namespace, nft drops everything to s3s-fs", slow=True)
def black_hole():
    with Rig(network=True) as rig:
        storage = straight(rig)
        rig.net(f"nft add rule inet f o tcp dport {storage} drop")
        rig.pipeline(3, "upload: { attempts: 2 }\n" + soon(rig, connect="3s"))
        ended = rig.run()
        rig.nothing(ended)
        expect(ended.attempts == 2, f"{ended.attempts} attempts")
        return f"exit 1 after 2 attempts, {ended.seconds:.0f} s: {ended.error[:60]}"


def after_a_part(rig, storage, verdict):
    """Waits until a part of the upload is over the slow link, and then does something to the rest."""
    process = rig.begin()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        sent = re.search(r"Sent (\d+) bytes", rig.net("tc -s qdisc show dev lo"))
        if sent and int(sent[1]) > 400_000:
            break
        time.sleep(0.05)
    expect(process.poll() is None, "the upload was over too soon")
    rule = rig.net(f"nft --echo --handle add rule inet f o tcp dport {storage} {verdict}")
    return process, re.search(r"handle (\d+)", rule)[1]


@row("T07", "network namespace, tbf, then nft drops in mid-body; s3s-fs", slow=True)
def black_hole_in_mid_body():
    with Rig(network=True) as rig:
        storage = straight(rig)
        rig.net("tc qdisc add dev lo root tbf rate 8mbit burst 256k latency 5s")
        rig.pipeline(60_000, soon(rig, stalled="5s", connect="3s"))
        process, handle = after_a_part(rig, storage, "drop")

        def heal():
            # When the first attempt has been given up, the next one finds the network well.
            time.sleep(10 if knows("timeouts") else 75)
            rig.net(f"nft delete rule inet f o handle {handle}")

        threading.Thread(target=heal, daemon=True).start()
        ended = rig.end(process)
        rig.whole(ended)
        expect(ended.attempts > 1, "one attempt")
        return f"given up as stalled, sent again whole, {ended.attempts} attempts, {ended.seconds:.0f} s"


@row("T08", "network namespace, tbf, then nft resets in mid-body; s3s-fs")
def reset_in_mid_body():
    with Rig(network=True) as rig:
        storage = straight(rig)
        rig.net("tc qdisc add dev lo root tbf rate 8mbit burst 256k latency 5s")
        rig.pipeline(60_000)
        process, handle = after_a_part(rig, storage, "reject with tcp reset")
        time.sleep(0.3)
        rig.net(f"nft delete rule inet f o handle {handle}")
        ended = rig.end(process)
        rig.whole(ended)
        expect(ended.attempts > 1, "one attempt")
        return f"sent again whole, {ended.attempts} attempts"


@row("T09", "network namespace, tbf at 8 kbit/s; s3s-fs, addresses of 20 s", slow=True)
def far_too_slow():
    with Rig(network=True) as rig:
        storage = straight(rig, "--life", "20")
        rig.pipeline(60_000, "upload: { attempts: 1 }\n" + soon(rig, stalled="60s"))
        process = rig.begin()
        while rig.calls("generate") == 0 and process.poll() is None:
            time.sleep(0.02)
        # The link is fit for the small calls and then for nothing.
        rig.net("tc qdisc add dev lo root tbf rate 8kbit burst 8k latency 5s")
        ended = rig.end(process)
        rig.nothing(ended)
        return f"exit 1 after {ended.seconds:.0f} s: {ended.error[:90]}"


@row("T13", "s3s-fs behind the strict nginx front")
def chunked():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.front(storage), storage)
        rig.pipeline(3, "upload: { length: chunked }")
        ended = rig.run()
        rig.nothing(ended)
        expect("takes no chunked transfer" in ended.error, ended.error)
        return "501 is explained, exit 1; by default a length is sent (T00)"


@row("T15", "mitmproxy before s3s-fs")
def upload_answer_lost():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-lost"), storage)
        rig.pipeline(1_000)
        rig.whole(rig.run(), attempts=2)
        if STORAGE == "s3s-fs":
            stored = list(rig.folder.glob("s3s/field-files/*.json"))
            expect(len(stored) == 2, f"{len(stored)} files stored")
        return "sent again to a fresh address; two files stored, the last one imported once"


@row("T16", "mitmproxy before the API")
def import_answer_lost():
    with Rig() as rig:
        rig.api(rig.storage(), before=lambda port: rig.mitm(port, "import-lost"))
        rig.pipeline(1_000)
        ended = rig.run()
        expect(ended.code == 7, f"exit {ended.code}: {ended.error}")
        expect(rig.calls("import") == 1, f"{rig.calls('import')} imports")
        said = "exit 7, one import"
        if knows("state"):
            again = rig.run()
            expect(again.code == 7 and rig.calls("import") == 1, f"the next run: exit {again.code}, {rig.calls('import')} imports")
            said += "; the next run refuses with 7"
        return said


@row("T17", "s3s-fs, addresses signed two minutes ago for one (faketime)")
def expired():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(storage, None, "--life", "60", wrap=[need("faketime"), "-f", "-2m"])
        rig.pipeline(100, "upload: { attempts: 2 }")
        ended = rig.run()
        rig.nothing(ended)
        expect(ended.attempts == 2 and "expired" in ended.error, f"{ended.attempts} attempts: {ended.error}")
        return f"a fresh address, then exit 1: {ended.error[:90]}"


def slow_link(rig):
    """Some seconds for the uploads here."""
    rig.net("tc qdisc add dev lo root tbf rate 3mbit burst 64k latency 20s")


@row("T18", "network namespace, tbf; s3s-fs, an address of 4 s and an upload of 8")
def expires_on_the_way():
    with Rig(network=True) as rig:
        straight(rig, "--life", "4")
        slow_link(rig)
        expiry = ", expiry: start" if knows("expiry") else ""
        rig.pipeline(25_000, f"upload: {{ attempts: 1{expiry} }}")
        ended = rig.run()
        if ended.code != 0 and STORAGE == "localstack":
            rig.nothing(ended)
            expect("RequestExpired" in ended.error, ended.error)
            return f"this one looks at the end: exit 1: {ended.error[:90]}"
        rig.whole(ended, attempts=1)
        return f"checked at the start alone: done after {ended.seconds:.0f} s"


@row("T18", "the same through nginx, which buffers the request")
def expires_behind_a_buffer():
    with Rig(network=True) as rig:
        storage = rig.storage()
        rig.api(rig.front(storage), storage, "--life", "4")
        slow_link(rig)
        expiry = ", expiry: start" if knows("expiry") else ""
        rig.pipeline(25_000, f"upload: {{ attempts: 2{expiry} }}")
        ended = rig.run()
        rig.nothing(ended)
        return f"exit 1 after {ended.attempts} attempts: {ended.error[:90]}"


@row("T18", "the same, and the default that looks ahead")
def expiry_is_foreseen():
    if not knows("expiry"):
        raise Skip("this build has no upload.expiry")
    with Rig(network=True) as rig:
        straight(rig, "--life", "4")
        slow_link(rig)
        rig.pipeline(25_000, "upload: { attempts: 1 }")
        ended = rig.run()
        rig.nothing(ended)
        return f"exit 1: {ended.error[:110]}"


@row("T19", "mitmproxy before s3s-fs: 400 RequestTimeout, ExpiredToken")
def retryable_400():
    for code in ["RequestTimeout", "ExpiredToken"]:
        with Rig() as rig:
            storage = rig.storage()
            rig.api(rig.mitm(storage, f"put-400-{code}"), storage)
            rig.pipeline(100)
            rig.whole(rig.run(), attempts=2)
    return "fresh address, done at the second attempt"


def wrong_signature(rig, storage):
    rig.api(storage, None, "--put-secret", "NOTTHESECRET")
    rig.pipeline(100)
    ended = rig.run()
    rig.nothing(ended)
    expect("403" in ended.error and "SignatureDoesNotMatch" in ended.error, ended.error)
    expect("host" in ended.error, f"the signed headers are not named: {ended.error}")
    expect(ended.attempts == 1, f"{ended.attempts} attempts")
    return "exit 1 at once; names the code and the signed headers"


@row("T20", "s3s-fs, which verifies the signature")
def signature():
    with Rig() as rig:
        return wrong_signature(rig, rig.storage())


@row("T20", "LocalStack 4.14, which verifies the signature")
def signature_localstack():
    with Rig() as rig:
        return wrong_signature(rig, rig.localstack())


@row("T20", "s3s-fs, Content-Type signed")
def signed_type():
    with Rig() as rig:
        straight(rig, "--sign-type", "application/json")
        rig.pipeline(100)
        rig.whole(rig.run(), attempts=1)
    with Rig() as rig:
        straight(rig, "--sign-type", "application/x-other")
        rig.pipeline(100)
        ended = rig.run()
        rig.nothing(ended)
        expect("content-type" in ended.error, ended.error)
    return "sent as it was signed: done; another was signed: exit 1, names content-type"


@row("T21", "mitmproxy before s3s-fs: 503 twice, 503 for ever")
def slow_down():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-503@2"), storage)
        rig.pipeline(100)
        rig.whole(rig.run(), attempts=3)
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-503@10"), storage)
        rig.pipeline(100)
        ended = rig.run()
        rig.nothing(ended)
        expect(ended.attempts == 3, f"{ended.attempts} attempts")
    return "twice: done at the third; for ever: exit 1 after 3 attempts"


@row("T21", "nginx limit_req before s3s-fs")
def slow_down_nginx():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.front(storage, "limit_req zone=slow;"), storage)
        rig.pipeline(100, "upload: { attempts: 6 }")
        rig.whole(rig.run(), attempts=1)
        # The next one comes too soon, and waits.
        ended = rig.run()
        expect(ended.code == 0 and ended.attempts > 1, f"exit {ended.code}, {ended.attempts} attempts: {ended.error}")
        return f"the second run in a row is slowed down: done after {ended.attempts} attempts"


@row("T22", "nginx client_max_body_size before s3s-fs")
def too_large():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.front(storage, body="1m"), storage)
        rig.pipeline(50_000)
        ended = rig.run()
        rig.nothing(ended)
        expect("EntityTooLarge" in ended.error or "upload failed" in ended.error, ended.error)
        return f"exit 1: {ended.error[:90]}"


@row("T24", "mitmproxy before s3s-fs turns a bit over")
def bit_flip():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-flip"), storage)
        if not knows("verify"):
            raise Skip("this build has no upload.verify")
        rig.pipeline(1_000, "upload: { verify: md5 }")
        rig.whole(rig.run(), attempts=2)
        return "the storage's MD5 tells: sent again, the data set is right"


@row("T25", "mitmproxy before s3s-fs: 502 with a page of 5 MB")
def flood():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-html@9"), storage)
        rig.pipeline(100)
        ended = rig.run()
        rig.nothing(ended)
        expect(len(ended.stderr) < 5_000, f"{len(ended.stderr)} bytes on stderr")
        expect("\x1b" not in ended.stderr, "an escape sequence reaches the terminal")
        return f"exit 1, {len(ended.stderr)} bytes of stderr, no escapes"


@row("T26", "mitmproxy before s3s-fs cuts the connection in mid-body")
def killed_in_mid_body():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "put-kill"), storage)
        rig.pipeline(100_000)
        ended = rig.run()
        rig.whole(ended, attempts=2)
        return "sent again whole"


# TLS.


def certificates(rig, name, days="2"):
    """An authority of our own and a certificate by it."""
    need("openssl")
    make = lambda command: rig.sh("openssl " + command)
    ca = rig.folder / "ca.pem"
    if not ca.exists():
        make(f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=field -keyout {rig.folder}/ca.key -out {ca}")
    stem = rig.folder / name
    make(f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {stem}.key -out {stem}.csr")
    (rig.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    make(f"x509 -req -in {stem}.csr -CA {ca} -CAkey {rig.folder}/ca.key -CAcreateserial -days {days} -extfile {stem}.ext -out {stem}.crt")
    return ca, f"{stem}.crt", f"{stem}.key"


@row("T27", "nginx with TLS before the API, certificates by openssl")
def tls():
    with Rig() as rig:
        api = rig.api(rig.storage())
        seen = []
        for name, trusted, word in [("localhost", False, "UnknownIssuer"), ("elsewhere.example", True, "not valid for name"), ("localhost", True, None)]:
            ca, crt, key = certificates(rig, name)
            tls_port = free_port()
            front = rig.folder / f"tls-{tls_port}"
            front.mkdir()
            text = (
                f"daemon off; user root; pid {front}/pid; events {{}} http {{ access_log off; client_body_temp_path {front}/b; proxy_temp_path {front}/p;"
                f" fastcgi_temp_path {front}/f; uwsgi_temp_path {front}/u; scgi_temp_path {front}/s; server {{ listen 127.0.0.1:{tls_port} ssl;"
                f" ssl_certificate {crt}; ssl_certificate_key {key}; location / {{ proxy_pass http://127.0.0.1:{api}; }} }} }}"
            )
            (front / "nginx.conf").write_text(text)
            rig.start(f"tls-{tls_port}", [need("nginx"), "-c", front / "nginx.conf", "-p", front, "-e", front / "e"], tls_port)
            rig.base_url = f"https://localhost:{tls_port}"
            rig.pipeline(3)
            ended = rig.run(**({"SSL_CERT_FILE": str(ca)} if trusted else {}))
            if word:
                rig.nothing(ended)
                expect(word in ended.error and "trying again" not in ended.stderr, ended.error)
                seen.append(word)
            else:
                rig.whole(ended)
        return f"{', '.join(seen)}: exit 1 at once; with SSL_CERT_FILE done"


@row("T28", "mitmproxy as HTTPS_PROXY that wants a password")
def proxy():
    with Rig() as rig:
        port = rig.mitm(0, "none", mode="regular", options=["--set", "proxyauth=user:CANARYPASSWORD"])
        rig.base_url = "https://orgvue.example.com"
        rig.pipeline(3)
        ended = rig.run(HTTPS_PROXY=f"http://user:CANARYWRONG@127.0.0.1:{port}")
        expect(ended.code == 1 and "proxy" in ended.error, f"exit {ended.code}: {ended.error}")
        return f"407: exit 1: {ended.error[:80]}"


# Ticket and results.


@row("T30", "mitmproxy before s3s-fs: 500 for the ticket, 3 times")
def ticket_outage():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "ticket-500@3"), storage)
        rig.pipeline(100)
        rig.whole(rig.run())
        return "keeps looking: done"


@row("T33", "mitmproxy before s3s-fs: results that end half way")
def results_cut():
    with Rig() as rig:
        storage = rig.storage()
        rig.api(rig.mitm(storage, "results-cut@1"), storage)
        rig.pipeline(2_000, soon(rig, stalled="3s"))
        ended = rig.run()
        expect(ended.code in (0, 1), f"exit {ended.code}: {ended.error}")
        counts = ended.report["counts"]
        expect(ended.code == 1 or counts["accepted"] == 2_000, f"{counts['accepted']} accepted and exit 0")
        expect(rig.calls("import") == 1, "more than one import")
        return f"exit {ended.code}, {counts['accepted']} accepted, {counts['unprocessed']} unknown: {ended.error[:60]}"


# Process, disk, clock.


def traced(what):
    return [need("strace"), "-f", "-o", "/dev/null", *what]


@row("T34", "strace kills at the n-th rename of the state; s3s-fs")
def killed_at_a_rename():
    if not knows("state"):
        raise Skip("this build has no state/")
    seen = []
    for nth in range(1, 6):
        with Rig() as rig:
            straight(rig)
            rig.pipeline(100)
            calls = "rename,renameat,renameat2"
            ended = rig.run(wrap=traced(["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={nth}"]))
            if ended.code == 0:
                break
            for path in rig.folder.glob("state/*.json"):
                json.loads(path.read_text())
            before = rig.calls("import")
            again = rig.run()
            if again.code in (6, 7):
                expect(rig.calls("import") == before, "a second import")
                resumed = rig.run("--state", "state", verb="resume")
                seen.append(f"{nth}: {again.code}, resume {resumed.code}")
                expect(rig.calls("import") <= 1, "a second import")
            else:
                expect(again.code == 0 and rig.calls("import") == before + 1, f"rename {nth}: exit {again.code}: {again.error}")
                expect(before == 0, f"rename {nth}: a second import, and nothing said")
                seen.append(f"{nth}: done by the next run")
    expect(seen, "nothing was killed")
    return "; ".join(seen)


@row("T37", "strace: EIO for every fsync; s3s-fs")
def fsync_fails():
    if not knows("state"):
        raise Skip("this build has no state/")
    with Rig() as rig:
        straight(rig)
        rig.pipeline(100)
        ended = rig.run(wrap=traced(["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"]))
        rig.nothing(ended)
        return f"exit 1: {ended.error[:100]}"


@row("T37", "tmpfs of 64 KiB: rejects, spool, report, state; s3s-fs")
def disk_full():
    as_root()
    seen = []
    for what in ["rejects", "spool", "report", "state"]:
        if what == "state" and not knows("state"):
            continue
        with Rig() as rig:
            straight(rig)
            full = rig.folder / "full"
            full.mkdir()
            rig.sh(f"mount -t tmpfs -o size=64k tmpfs {full}")
            rig.mounts.append(full)
            sections, env = "", {}
            if what == "rejects":
                sections = "rejects: { path: full/rejects.csv, at_most: 100% }\nvalidate: { columns: { employeeID: { pattern: '^9' } } }"
            elif what == "spool":
                sections, env = "upload: { length: spooled }", {"TMPDIR": str(full)}
            else:
                (full / "filled").write_bytes(b"x" * 65536)
                sections = f"{what}: {{ dir: full }}"
            rig.pipeline(20_000, sections)
            ended = rig.run(**env)
            if what == "report":
                # Everything was done by then; what failed is said.
                expect(ended.code in (0, 1) and "report" in ended.stderr, f"exit {ended.code}: {ended.stderr[-200:]}")
                expect(rig.calls("import") <= 1, "more than one import")
            else:
                rig.nothing(ended)
                expect("o space left" in ended.error or "full" in ended.error, ended.error)
            seen.append(f"{what}: exit {ended.code}")
    return ", ".join(seen)


@row("T39", "faketime: 20 minutes ahead, a day behind; s3s-fs")
def clock():
    need("faketime")
    seen = []
    for shift in ["+20m", "-1d"]:
        with Rig() as rig:
            straight(rig)
            rig.pipeline(100)
            ended = rig.run(wrap=[need("faketime"), "-f", shift])
            rig.whole(ended, attempts=1)
            # The run's name begins with its time: it did believe the wrong clock.
            now = time.strftime("%Y%m%dT%H%M", time.gmtime())
            expect(re.search(r"run +(\d{8}T\d{4})", ended.stderr)[1] != now, "the clock was not another")
            expect(ended.seconds < 30, f"{ended.seconds:.0f} s")
            seen.append(shift)
    return f"{' and '.join(seen)}: done at the first attempt, by the server's clock"


@row("T39", "faketime: the clock goes 50 times as fast during the run; s3s-fs")
def clock_runs_away():
    with Rig() as rig:
        straight(rig)
        rig.pipeline(20_000, "upload: { rate: 500KB/s }")
        ended = rig.run(wrap=[need("faketime"), "-f", "+0 x50"], FAKETIME_DONT_FAKE_MONOTONIC="1")
        rig.whole(ended, attempts=1)
        return f"done, {ended.seconds:.1f} s"


# Size.


@row("T53", "slow_peer.py: 40 MB/s, a stop of 8 s every 30 s", slow=True)
def ten_gigabytes():
    """10 GB from two passes over made-up people, each made 4 kB wide, at 45 MB/s to a peer that is slower."""
    gigabytes = float(os.environ.get("FIELD_GB", "10"))
    wide = "x" * 4000
    with Rig() as rig:
        peer = free_port()
        rig.start("peer", [sys.executable, HERE / "slow_peer.py", "--port", peer, "--rate", "40e6"], peer)
        rig.api(peer, None, "--peer")
        rows = int(gigabytes * 1e9 / 4435)
        expiry = ", expiry: start" if knows("expiry") else ""
        sections = (
            f'stages:\n  - set: {{ notes: {{ value: "{wide}" }} }}\n  - rename: {{ "Employee ID": employeeID }}\n'
            f"upload: {{ rate: 45MB/s{expiry} }}"
        )
        rig.pipeline(source=f"{{ sample: {{ rows: {rows}, errors: 0% }} }}", sections=sections)
        process = rig.begin("--partial-ok")
        samples, high = [], 0
        while process.poll() is None:
            try:
                text = open(f"/proc/{process.pid}/status").read()
                rss = int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024
                high = int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024
                samples.append((time.monotonic() - rig.began, rss))
            except (OSError, TypeError):
                pass
            time.sleep(0.5)
        ended = rig.end(process)
        expect(ended.code == 0, f"exit {ended.code}: {ended.error}")
        told, got = ended.report["bytes"]["body"], rig.held()["imports"]
        expect(len(got) == 1 and got[0]["bytes"] == told, f"sent {told}, arrived {got}")
        # After the first tenth the memory is what it is.
        late = [rss for at, rss in samples if at > ended.seconds / 10]
        spread = max(late) - min(late)
        half = len(late) // 2
        drift = sum(late[half:]) / len(late[half:]) - sum(late[:half]) / half
        with open(os.environ.get("FIELD_SAMPLES", os.devnull), "w") as file:
            file.writelines(f"{at:.1f} {rss:.1f}\n" for at, rss in samples)
        expect(high < 64, f"a peak of {high:.1f} MiB")
        return (f"{told / 1e9:.2f} GB, {got[0]['items']} rows in {ended.seconds:.0f} s: peak {high:.1f} MiB, "
                f"then {min(late):.1f} to {max(late):.1f} (spread {spread:.1f}), second half {drift:+.1f} MiB beside the first")


def main():
    # So that what was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = sys.argv[1:]
    known = {name for name, *_ in ROWS}
    unknown = [name for name in wanted if name not in known | {"all"}]
    if unknown:
        sys.exit(f"no such row: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    if not PROGRAM.exists():
        sys.exit(f"no program at {PROGRAM}: cargo build --release, or set ROSTREAM")
    failed = 0
    print(f"{'row':<4} {'':<4} {'server':<60} outcome")
    for name, server, slow, function in ROWS:
        if wanted and name not in wanted and "all" not in wanted:
            continue
        if slow and not wanted:
            continue
        server = server.replace("s3s-fs", STORAGE)
        try:
            verdict, outcome = "PASS", function()
        except Skip as reason:
            verdict, outcome = "SKIP", reason
        except Wrong as what:
            verdict, outcome = "FAIL", what
        except Exception:
            verdict, outcome = "FAIL", traceback.format_exc(limit=-2).strip().replace("\n", " | ")
        failed += verdict == "FAIL"
        print(f"{name:<4} {verdict:<4} {server:<60} {outcome}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
