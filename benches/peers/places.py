"""Measures a source at a server beside the bare download of the same file, in turn, on this machine.

usage: benches/peers/places.py --rostream BIN [--times 5] [--rate MBIT] [--only JOB ...] FILE

The job is that of hris.yaml. BIN is built with `--features sftp`. The servers are OpenSSH's and nginx with TLS, started
here on loopback; `sftp` and `curl` read the file and throw it away. `--rate` holds both to so many megabits a
second, as between two houses: without it, both ends share this machine's cores, and a download costs next to nothing. Of `run`, wall is what its report says up to the end of the upload.

Needs sshd, ssh-keygen, sftp, nginx, openssl and curl.
"""

import argparse
import getpass
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from measured import measure, median, rostream, sink, versions

# What is held against what, wall, and how much it may be.
LIMITS = [
    ("check, sftp", "sftp", 1.3),
    ("run, sftp", "sftp", 2.2),
    ("run, sftp, kept encrypted", "sftp", 1.3),
    ("check, https", "curl", 1.3),
    ("run, https", "curl", 2.2),
    ("run, https, kept encrypted", "curl", 1.3),
]

SSHD = """ListenAddress 127.0.0.1
Port {port}
HostKey {at}/host
AuthorizedKeysFile {at}/id.pub
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""

NGINX = """daemon off;
{user}
worker_processes 1;
pid {at}/nginx.pid;
error_log {at}/nginx.log;
events {{}}
http {{
  client_body_temp_path {at}/t; proxy_temp_path {at}/t; fastcgi_temp_path {at}/t; uwsgi_temp_path {at}/t;
  scgi_temp_path {at}/t;
  access_log off;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name localhost;
    ssl_certificate {at}/cert.pem;
    ssl_certificate_key {at}/key.pem;
    sendfile on;
    root {root};
  }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def quietly(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def server(port, *command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            sys.exit(f"{command[0]} does not listen")
        yield
    finally:
        process.terminate()
        process.wait()


def held_back(to, rate):
    """A way to a port that lets so many bytes a second through; gives the port it has here."""
    listener = socket.create_server(("127.0.0.1", 0))

    def down(source, sink):
        began, sent = time.perf_counter(), 0
        while data := source.recv(1 << 16):
            ahead = sent / rate - (time.perf_counter() - began)
            if ahead > 0:
                time.sleep(ahead)
            sink.sendall(data)
            sent += len(data)
        sink.close()

    def up(source, sink):
        while data := source.recv(1 << 16):
            sink.sendall(data)

    def serve():
        while True:
            here, _ = listener.accept()
            there = socket.create_connection(("127.0.0.1", to))
            for one in (here, there):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for way, ends in ((down, (there, here)), (up, (here, there))):
                threading.Thread(target=quiet, args=(way, *ends), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def quiet(way, *ends):
    """Either end may be gone."""
    try:
        way(*ends)
    except OSError:
        pass


@contextmanager
def openssh(at, rate):
    for key in ("host", "id"):
        quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at / key)
    port = free_port()
    (at / "sshd_config").write_text(SSHD.format(port=port, at=at))
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with server(port, "/usr/sbin/sshd", "-D", "-f", str(at / "sshd_config")):
        seen = held_back(port, rate) if rate else port
        host = (at / "host.pub").read_text()
        (at / "known_hosts").write_text(f"[127.0.0.1]:{seen} {host}")
        yield seen


@contextmanager
def nginx(at, root, rate):
    quietly(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
        "basicConstraints=critical,CA:FALSE", "-keyout", at / "key.pem", "-out", at / "cert.pem",
    )  # fmt: skip
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    (at / "nginx.conf").write_text(NGINX.format(port=port, at=at, root=root, user=user))
    with server(port, "nginx", "-p", str(at), "-c", str(at / "nginx.conf")):
        yield held_back(port, rate) if rate else port


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rostream", required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--rate", type=float, metavar="MBIT", help="megabits a second; without it as fast as it goes")
    parser.add_argument("--only", nargs="+", metavar="JOB", help="these jobs and no others")
    parser.add_argument("file", type=Path)
    return parser.parse_args()


def jobs_of(file, at, command, ssh, web):
    """Every job by its name."""
    user = getpass.getuser()
    known = f"source.sftp.known_hosts={at}/known_hosts"
    key = f"source.sftp.key.file={at}/id"
    kept = "source.keep=encrypted"
    address = f"sftp://{user}@127.0.0.1:{ssh}{file}"
    url = f"https://localhost:{web}/{file.name}"
    get = ["sftp", "-q", "-b", at / "batch", "-P", str(ssh), "-i", at / "id"]
    get += ["-o", f"UserKnownHostsFile={at}/known_hosts", f"{user}@127.0.0.1"]
    (at / "batch").write_text(f"get {file} /dev/null\n")

    def asked(what, path, *settings):
        done = command(what, path, *settings)
        if what == "check":
            return done
        return done._replace(wall=json.loads(done.out)["seconds"]["to_end_of_upload"])

    curl = ["curl", "--silent", "--fail", "--cacert", at / "cert.pem", "-o", "/dev/null", url]
    sftp = (known, key)
    return {
        "check, file": lambda: asked("check", file),
        "sftp": lambda: measure(get),
        "check, sftp": lambda: asked("check", address, *sftp),
        "run, sftp": lambda: asked("run", address, *sftp),
        "run, sftp, kept encrypted": lambda: asked("run", address, *sftp, kept),
        "curl": lambda: measure(curl),
        "check, https": lambda: asked("check", url),
        "run, https": lambda: asked("run", url),
        "run, https, kept encrypted": lambda: asked("run", url, kept),
    }


def main():
    args = arguments()
    file = args.file.resolve()
    rate = args.rate and args.rate * 1e6 / 8
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        with openssh(at, rate) as ssh, nginx(at, file.parent, rate) as web, sink() as to:
            os.environ["SSL_CERT_FILE"] = str(at / "cert.pem")
            with rostream(args.rostream, to) as command:
                jobs = jobs_of(file, at, command, ssh, web)
                names = [name for name in jobs if not args.only or name in args.only]
                runs = {name: [] for name in names}
                for _ in range(args.times):
                    for name in names:
                        runs[name].append(jobs[name]())
    for line in versions(["curl", "--version"], [args.rostream, "--version"]):
        print(line)
    print(f"{file.name}: {file.stat().st_size:,} bytes; medians of {args.times}", end="")
    print(f"; {args.rate:g} Mbit/s" if rate else "; loopback as fast as it goes")
    print(f"{'':28}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}")
    wall = {}
    for name, measured in runs.items():
        wall[name] = median([run.wall for run in measured])
        cpu = median([run.cpu for run in measured])
        peak = median([run.peak for run in measured]) / 2**20
        print(f"{name:28}{wall[name]:8.2f}{cpu:8.2f}{peak:10.1f}")
    for one, other, limit in LIMITS:
        if one in wall and other in wall:
            found = wall[one] / wall[other]
            print(f"{one} / {other}: {found:.2f} (at most {limit}){'' if found <= limit else ' MISSED'}")


if __name__ == "__main__":
    main()
