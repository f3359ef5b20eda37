"""What the rows have in common: servers started and ended by their process, the program run against them, and what
must be true of every run."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("FIELD_CACHE", ROOT / "target" / "field")).resolve()
PROGRAM = pathlib.Path(os.environ.get("ROSTREAM", ROOT / "target" / "release" / "rostream")).resolve()

# Which storage the rows meet that name none.
STORAGE = os.environ.get("FIELD_STORAGE", "s3s-fs")

TOKEN = "eyJhbGciOiJIUzI1NiJ9.CANARYTOKEN.c2lnbmF0dXJl"
DATASET = "6586F21B-AD4D-4D06-A309-712AF47184A2"
# May stand in nothing that a run prints or writes, but for values in the rejects file.
SECRETS = ["CANARY", "X-Amz-Signature=", "X-Amz-Credential=", "Bearer ey"]
# interface.md's codes; whatever else a run ends with is a fault by itself.
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}


class Skip(Exception):
    """A row can't be run here, and why."""


class Wrong(Exception):
    """What was promised did not happen."""


def expect(holds, text):
    if not holds:
        raise Wrong(text)


def need(tool):
    """A tool's path, or the end of the row."""
    for folder in [CACHE / "cargo" / "bin", CACHE / "venv" / "bin"]:
        if (folder / tool).exists():
            return str(folder / tool)
    found = shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise Skip(f"no {tool}")
    return found


def as_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


_schema = None


def knows(setting):
    """Whether this build has a setting."""
    global _schema
    if _schema is None:
        _schema = subprocess.run([PROGRAM, "schema"], capture_output=True, text=True, check=True).stdout
    return f'"{setting}"' in _schema


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def workers(rows):
    """A CSV of workers, and the digest of the data set that it makes."""
    people = [(f"{i:08}", f"CANARYCELL{i:028}") for i in range(1, rows + 1)]
    text = "employeeID,fullName\n" + "".join(f"{i},{name}\n" for i, name in people)
    held = sorted((i, {"employeeID": i, "fullName": name}) for i, name in people)
    digest = hashlib.md5(json.dumps(held, separators=(",", ":")).encode()).hexdigest()
    return text, digest


class Ended:
    def __init__(self, code, stderr, report, seconds):
        self.code, self.stderr, self.report, self.seconds = code, stderr, report, seconds

    @property
    def error(self):
        lines = [line for line in self.stderr.splitlines() if line.startswith("error")]
        return lines[-1] if lines else ""

    @property
    def attempts(self):
        return (self.report.get("upload") or {}).get("attempts", 0)


class Rig:
    """A folder, and processes that end with it. With `network`, all of them live in a network namespace of their own,
    whose loopback is given to `tc` and `nft`."""

    def __init__(self, network=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rostream-field-"))
        self.processes, self.mounts, self.prefix, self.space, self.keys = [], [], [], None, []
        (self.folder / "token").write_text(TOKEN)
        (self.folder / "token").chmod(0o600)
        if network:
            as_root()
            need("ip"), need("nft"), need("tc")
            self.space = f"field{os.getpid()}x{free_port()}"
            self.sh(f"ip netns add {self.space}")
            self.prefix = ["ip", "netns", "exec", self.space]
            self.net("ip link set lo mtu 1500 up")
            self.net("nft add table inet f")
            self.net("nft add chain inet f o { type filter hook output priority 0 ; policy accept ; }")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        for mount in self.mounts:
            self.sh(f"umount {mount}")
        if self.space:
            self.sh(f"ip netns del {self.space}")
        if not os.environ.get("FIELD_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def sh(self, command):
        done = subprocess.run(command.split(), capture_output=True, text=True, env=self.tools())
        if done.returncode != 0:
            raise Skip(f"{command}: {done.stderr.strip()}")
        return done.stdout

    def net(self, command):
        return self.sh(" ".join(self.prefix) + " " + command)

    @staticmethod
    def tools():
        return os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}

    def start(self, name, command, port=None, seconds=60, **env):
        log = open(self.folder / f"{name}.server.log", "w")
        process = subprocess.Popen(
            self.prefix + [str(part) for part in command],
            stdout=log, stderr=log, cwd=self.folder, env=self.tools() | env,
        )
        self.processes.append(process)
        if port:
            until = time.monotonic() + seconds
            while not self.listens(port):
                text = (self.folder / f"{name}.server.log").read_text()[-400:]
                expect(process.poll() is None, f"{name} ended: {text}")
                expect(time.monotonic() < until, f"{name} does not answer: {text}")
                time.sleep(0.05)
        return process

    def listens(self, port):
        found = subprocess.run(self.prefix + ["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, env=self.tools())
        return bool(found.stdout.strip())

    # Servers. Each gives its port; a storage leaves in `keys` how addresses are signed for it.

    def storage(self):
        return {"s3s-fs": self.s3s, "localstack": self.localstack, "garage": self.garage}[STORAGE]()

    def s3s(self):
        program, port = need("s3s-fs"), free_port()
        self.keys = ["--key", "AKIDTEST0000", "--secret", "SECRETTEST0000"]
        (self.folder / "s3s").mkdir()
        keys = ["--access-key", "AKIDTEST0000", "--secret-key", "SECRETTEST0000"]
        self.start("s3s", [program, "--host", "127.0.0.1", "--port", port, *keys, self.folder / "s3s"], port)
        return port

    def front(self, storage, extra="", buffering="on", body="64m"):
        """nginx as strict as S3 is: no chunked transfer, a length, a limit."""
        program, port = need("nginx"), free_port()
        where = self.folder / f"nginx-{port}"
        where.mkdir()
        text = (HERE / "strict.conf").read_text()
        known = {"PORT": port, "STORAGE": storage, "EXTRA": extra, "BUFFERING": buffering, "BODY": body, "FOLDER": where}
        for name, value in known.items():
            text = text.replace(f"@{name}@", str(value))
        (where / "nginx.conf").write_text(text)
        self.start(f"nginx-{port}", [program, "-c", where / "nginx.conf", "-p", where, "-e", where / "error.log"], port)
        return port

    def mitm(self, upstream, fault, scheme="http", options=(), mode=None):
        """mitmproxy before a server, doing as fault.py says. Signed is for this port, so the Host stays."""
        program, port = need("mitmdump"), free_port()
        confdir = CACHE / "mitm"
        mode = mode or f"reverse:{scheme}://127.0.0.1:{upstream}"
        options = ["--set", f"confdir={confdir}", "--set", "keep_host_header=true", *options]
        command = [program, "-q", "--listen-host", "127.0.0.1", "-p", port, "--mode", mode, *options, "-s", HERE / "fault.py"]
        self.start(f"mitm-{port}", command, port, FAULT=fault)
        return port

    def localstack(self):
        python = CACHE / "venv313" / "bin" / "python"
        if not (CACHE / "localstack.ready").exists():
            raise Skip(f"no LocalStack (see {CACHE}/localstack.log)")
        port, volume = free_port(), self.folder / "localstack"
        self.keys = ["--key", "test", "--secret", "test"]
        env = dict(
            FILESYSTEM_ROOT=str(volume), LOCALSTACK_VOLUME_DIR=str(volume), DISABLE_EVENTS="1", SKIP_SSL_CERT_DOWNLOAD="1",
            SERVICES="s3", STRICT_SERVICE_LOADING="1", S3_SKIP_SIGNATURE_VALIDATION="0", GATEWAY_LISTEN=f"127.0.0.1:{port}",
        )
        self.start("localstack", [python, "-m", "localstack.runtime.main"], port, 120, **env)
        return port

    def garage(self):
        program = need("garage")
        s3, rpc, where = free_port(), free_port(), self.folder / "garage"
        where.mkdir()
        (where / "garage.toml").write_text(
            f'metadata_dir = "{where}/meta"\ndata_dir = "{where}/data"\ndb_engine = "sqlite"\nreplication_factor = 1\n'
            f'rpc_bind_addr = "127.0.0.1:{rpc}"\nrpc_public_addr = "127.0.0.1:{rpc}"\nrpc_secret = "{"1" * 64}"\n'
            f'[s3_api]\ns3_region = "garage"\napi_bind_addr = "127.0.0.1:{s3}"\nroot_domain = ".s3.garage"\n'
        )
        self.start("garage", [program, "-c", where / "garage.toml", "server"], s3)
        call = f"{program} -c {where}/garage.toml"
        node = ""
        for _ in range(50):
            try:
                node = self.net(f"{call} node id -q").split("@")[0].strip()
                break
            except Skip:
                time.sleep(0.2)
        key = "GK" + "0123456789ab" * 2
        for command in [f"layout assign -z dc1 -c 1G {node}", "layout apply --version 1",
                        f"key import --yes -n field {key} {'ab' * 32}", f"key allow --create-bucket {key}"]:
            for _ in range(25):
                try:
                    self.net(f"{call} {command}")
                    break
                except Skip as error:
                    last = error
                    time.sleep(0.2)
            else:
                raise last
        self.keys = ["--region", "garage", "--key", key, "--secret", "ab" * 32]
        return s3

    def api(self, public, direct=None, *options, before=None, wrap=()):
        """The Orgvue API for a storage at `public`; `before` puts something between it and the program."""
        port = free_port()
        self.api_folder = self.folder / "api"
        self.api_folder.mkdir(exist_ok=True)
        command = [CACHE / "venv" / "bin" / "python", HERE / "api.py", "--port", port, "--folder", self.api_folder,
                   "--token", TOKEN, "--public", f"http://127.0.0.1:{public}", "--direct", f"http://127.0.0.1:{direct or public}"]
        self.start("api", [*wrap, *command, *self.keys, *map(str, options)], port)
        self.base_url = f"http://127.0.0.1:{before(port) if before else port}"
        return port

    # The program.

    def pipeline(self, rows=3, sections="", source=None, **orgvue):
        """`pipeline.yaml` over `rows` workers, or another source."""
        if source is None:
            text, self.digest = workers(rows)
            (self.folder / "workers.csv").write_text(text)
            source = "{ path: workers.csv }"
        more = "".join(f"    {name}: {value}\n" for name, value in orgvue.items())
        (self.folder / "pipeline.yaml").write_text(
            f"version: 1\nname: field\nsource: {source}\n{sections}\ntarget:\n  orgvue:\n    base_url: {self.base_url}\n"
            f"    tenant: SANDBOX\n    dataset: {DATASET}\n    token: {{ file: token }}\n    action: createOrUpdate\n"
            f"    identify_by: {{ id_key: employeeID }}\n{more}"
        )

    def command(self, *args, wrap=(), verb="run"):
        what = ["pipeline.yaml"] if verb == "run" else []
        return self.prefix + list(map(str, wrap)) + [str(PROGRAM), verb, *what, "-v", "--no-progress", *args]

    def begin(self, *args, wrap=(), verb="run", stdin=subprocess.DEVNULL, **env):
        env = {name: value for name, value in (self.tools() | env).items() if not name.lower().endswith("_proxy") or name in env}
        self.began = time.monotonic()
        return subprocess.Popen(
            self.command(*args, wrap=wrap, verb=verb), cwd=self.folder, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
        )

    def run(self, *args, **options):
        return self.end(self.begin(*args, **options))

    def end(self, process, seconds=900):
        out, err = process.communicate(timeout=seconds)
        text, code = err.decode(errors="replace"), process.returncode
        reports = list(self.folder.glob("run-*.report.json"))
        report = json.loads(reports[0].read_text()) if reports else {}
        self.judge(code, out.decode(errors="replace") + text, reports)
        for path in reports:
            path.unlink()
        if os.environ.get("FIELD_SHOW"):
            print(text, file=sys.stderr)
        return Ended(code, text, report, time.monotonic() - self.began)

    def judge(self, code, printed, reports):
        """The invariants: documented codes, a report of the same mind, no secret, private files."""
        expect(code in CODES or code == -9 or code == 137, f"exit {code}: {printed[-300:]}")
        for path in reports:
            report = json.loads(path.read_text())
            expect(report["exit_code"] == code, f"the report says {report['exit_code']} and the process {code}")
        written = {"what it printed": printed}
        kept = [*reports, *self.folder.glob("state/**/*")]
        for path in filter(pathlib.Path.is_file, kept):
            written[path.name] = path.read_bytes().decode(errors="replace")
        for what, text in written.items():
            for secret in SECRETS:
                expect(secret not in text, f"{secret} in {what}")
        for path in filter(pathlib.Path.is_file, [*kept, self.folder / "rejects.csv"]):
            expect(path.stat().st_mode & 0o077 == 0, f"others may read {path.name}")

    # What came of it.

    def calls(self, kind):
        path = self.api_folder / "calls"
        return path.read_text().split().count(kind) if path.exists() else 0

    def held(self):
        path = self.api_folder / "imports.json"
        return json.loads(path.read_text()) if path.exists() else {"imports": [], "items": 0, "held": ""}

    def nothing(self, ended, code=1):
        """It ended so, and nothing was imported."""
        expect(ended.code == code, f"exit {ended.code}, {code} was promised: {ended.error}")
        expect(self.calls("import") == 0, "an import was asked for")

    def whole(self, ended, attempts=None):
        """It ended well, the import was asked for once, and the data set is what the source says."""
        expect(ended.code == 0, f"exit {ended.code}, 0 was promised: {ended.error}")
        held = self.held()
        expect(len(held["imports"]) == 1 and self.calls("import") == 1, f"{self.calls('import')} imports")
        expect(held["held"] == self.digest, "the data set is another than the source")
        if attempts:
            expect(ended.attempts == attempts, f"{ended.attempts} attempts, not {attempts}")
