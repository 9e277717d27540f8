"""What the sieges share: a gate with its stand-in upstream as processes, a reader of records, and clients.

Only Python's own library is used. All traffic stays on loopback, all files in a temporary folder.
"""

import asyncio
import atexit
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROVIDER_KEY = "sk-stand-in"
STARTED = []
ENDED = ("served", "denied", "failed", "cut", "abandoned")
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "say something short"}]}


@atexit.register
def nothing_is_left():
    """Ends what was started, however the siege ended."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()


def binary(given):
    """The gate to use: the one that was named, or a release build."""
    if given:
        return str(Path(given).resolve())
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", "--bin", "portcullis"],
                   cwd=ROOT, check=True)
    return str(ROOT / "target" / "release" / "portcullis")


def need(what, package, there=None):
    """Installs what is missing from Debian if this is root, or says what it is. A program, if nothing else says
    whether it is there."""
    there = there or (lambda: shutil.which(what))
    if there():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"{what} is missing: installing {package}", flush=True)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        if subprocess.run(install, check=False, stderr=subprocess.DEVNULL, **quiet).returncode:
            # The lists of packages may be old, or not be there at all.
            subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
            subprocess.run(install, check=False, **quiet)
    if not there():
        sys.exit(f"{what} is missing: install it first (Debian: apt-get install {package})")


def need_module(name):
    """Runs the script with a Python that has a package, in a virtual environment that is made for it where this one has not.
    Debian's package would serve Debian's Python alone."""
    if importlib.util.find_spec(name):
        return
    folder = ROOT / "target" / "siege-python"
    python = folder / "bin" / "python"
    if Path(sys.executable) == python:
        sys.exit(f"the Python package {name} is missing in {folder}: remove that folder, it is made anew")
    has = [python, "-c", f"import {name}"]
    if not python.exists() or subprocess.run(has, check=False, stderr=subprocess.DEVNULL).returncode:
        print(f"the Python package {name} is missing: installing it in {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", name], check=True)
    os.execv(python, [str(python), *sys.argv])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def new_key(program):
    """A project key and its digest."""
    made = subprocess.run([program, "key", "new", "--id", "siege", "--format", "json"],
                          check=True, capture_output=True, text=True)
    made = json.loads(made.stdout)
    return made["key"], made["sha256"]


class Upstream:
    """The stand-in provider."""

    def __init__(self, gate, pace_ms):
        self.port = free_port()
        self.process = subprocess.Popen(
            [gate, "stand-in", "--listen", f"127.0.0.1:{self.port}", "--key", PROVIDER_KEY,
             "--pace-ms", str(pace_ms)], stdout=subprocess.DEVNULL)
        STARTED.append(self.process)
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wait_for(port, process=None):
    """Waits until somebody listens, or the process has ended; gives its exit code then."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return None
        except OSError:
            if process and process.poll() is not None:
                return process.returncode
            time.sleep(0.02)
    raise SystemExit(f"nobody listens on {port}")


class Records:
    """Reads what a gate writes and counts the records in it, by how the requests ended."""

    def __init__(self, pipe):
        self.by_event = dict.fromkeys(ENDED, 0)
        self.by_reason = {}
        self.days = set()
        self.other = []
        self.pipe = pipe
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def total(self):
        return sum(self.by_event.values())

    def _read(self):
        # Millions of lines pass here, so they are not parsed: the first fields stand in a fixed order.
        event = re.compile(rb'"event":"([a-z_]+)')
        told = re.compile(rb'"(?:reason|cause|cut)":"([^"]+)"')
        names = {name.encode(): name for name in ENDED}
        for line in self.pipe:
            found = event.search(line, 0, 160)
            name = found and names.get(found.group(1))
            if name is None or b'"request_id"' not in line:
                self.other.append(line.decode(errors="replace").strip())
                continue
            self.by_event[name] += 1
            if name != "served":
                why = told.search(line)
                why = f"{name}: {why.group(1).decode() if why else '?'}"
                self.by_reason[why] = self.by_reason.get(why, 0) + 1
            self.days.add(line[14:24].decode())

    def settle(self, expected, seconds=20):
        """Waits until so many records are there, or it is in vain."""
        end = time.monotonic() + seconds
        while self.total < expected and time.monotonic() < end:
            time.sleep(0.05)
        return self.total


class Gate:
    """A gate in a process of its own."""

    def __init__(self, program, folder, upstream_port, *, port=None, server="", limits="", more="",
                 name="gate", prefix=(), key=None):
        self.port, self.admin = port or free_port(), free_port()
        self.key, self.sha256 = key or new_key(program)
        self.file = Path(folder) / f"{name}.toml"
        self.text = f"""
[server]
listen = "127.0.0.1:{self.port}"
{server}
[admin]
listen = "127.0.0.1:{self.admin}"
[log]
format = "json"
repeats = "whole"
[store]
path = "{folder}/{name}.db"
[upstreams.openai]
provider = "openai"
base_url = "http://127.0.0.1:{upstream_port}/v1"
credentials = [{{ id = "main", secret = "env:SIEGE_PROVIDER_KEY" }}]
[projects.siege]
upstreams = ["openai"]
scopes = ["chat", "models:read"]
models = ["gpt-4o-mini"]
allow_ips = "any"
{limits}
[[projects.siege.keys]]
id = "siege"
sha256 = "{self.sha256}"
{more}
"""
        self.file.write_text(self.text)
        self.program, self.prefix = program, list(prefix)
        self.start()

    def start(self):
        environment = {**os.environ, "SIEGE_PROVIDER_KEY": PROVIDER_KEY}
        for _ in range(500):
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "serve", "--config", str(self.file)], stdout=subprocess.PIPE,
                env=environment)
            STARTED.append(self.process)
            self.records = Records(self.process.stdout)
            code = wait_for(self.admin, self.process)
            if code is None:
                return
            # Exit code 1: the gate before it still listens on the port.
            if code != 1:
                raise SystemExit(f"the gate did not start: exit code {code}")
            time.sleep(0.02)

    def stop(self):
        """Drains it, and gives its exit code when all it wrote was read."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self, seconds=60):
        """Waits for its end."""
        code = self.process.wait(seconds)
        self.records.thread.join(10)
        return code

    def resident_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metrics(self):
        """The metrics as text."""
        with socket.create_connection(("127.0.0.1", self.admin), 5) as asking:
            asking.sendall(b"GET /metrics HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n")
            text = b""
            while piece := asking.recv(1 << 16):
                text += piece
        return text.decode()


def metric(text, name):
    """The sum of a metric over its labels."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if re.match(rf"{name}(\{{|\s)", line))


def request(key, ask=None, *, said="say something short", stream=False, close=False):
    """A chat request over HTTP/1.1, as bytes."""
    ask = dict(ask or CHAT)
    ask["messages"] = [{"role": "user", "content": said}]
    if stream:
        ask["stream"] = True
    body = json.dumps(ask).encode()
    last = "connection: close\r\n\r\n" if close else "\r\n"
    return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n{last}").encode() + body


class Ended(Exception):
    """The connection ended where it should not have."""


async def answer(reader):
    """Reads an answer over HTTP/1.1: its status, headers and whole body."""
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise Ended("no head" if not line else "half a head")
    status, headers = int(line.split()[1]), {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if not line:
        raise Ended("half a head")
    body = bytearray()
    if headers.get("transfer-encoding") == "chunked":
        while True:
            size = await reader.readline()
            if not size.endswith(b"\n"):
                raise Ended("no last chunk")
            piece = await reader.readexactly(int(size, 16) + 2)
            if size.strip() == b"0":
                break
            body += piece[:-2]
    elif "content-length" in headers:
        body += await reader.readexactly(int(headers["content-length"]))
    elif status != 204:
        body += await reader.read()
    return status, headers, bytes(body)


def percentiles(latencies):
    """The median, the 99th percentile and the longest, in milliseconds."""
    if not latencies:
        return "none"
    ordered = sorted(latencies)
    at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
    return f"p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {at(.99):.1f} ms, " \
           f"max {ordered[-1] * 1000:.1f} ms, n {len(ordered)}"


def slope(points):
    """The least-squares slope of (x, y) points, in y for one x."""
    if len(points) < 2:
        return 0.0
    xs, ys = zip(*points)
    return statistics.linear_regression(xs, ys).slope


def folder():
    """A temporary folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="siege-")
