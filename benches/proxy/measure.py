"""Measures nginx, nginx with Lua and Portcullis side by side; started by ./run, which see.

Every proxy stays up from the first round to the last (idle proxies cost nothing) and the cells go A B C A B C.
The proxy is pinned to CPU 0, the upstream and the load to CPU 1. A proxy's cost is the run time of all its
threads, from /proc/PID/task/*/schedstat, over the answers that came whole in the same window. The ratios are
medians of same-round ratios: a shared machine moves absolute figures by 20 % and the ratios by far less.
"""

import argparse
import ctypes
import glob
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECTS = 100
PROVIDER_KEY = "sk-provider-0123456789abcdef0123456789"
MODELS = ["gpt-4o-mini", "gpt-4o"]
EVENTS_PER_STREAM = 51
IDLE_CONNECTIONS = 1000


@dataclass(frozen=True)
class Cell:
    connections: int
    body: str
    flags: tuple = ()
    least_seconds: float = 0


CELLS = {
    "c1": Cell(1, "1k"),
    "c32": Cell(32, "1k"),
    "c256": Cell(256, "1k"),
    "c32-100k": Cell(32, "100k"),
    "sse64": Cell(64, "stream", ("--warm", "1.2", "--stagger", "1"), least_seconds=4),
}


@dataclass
class Proxy:
    name: str
    command: list
    port: int
    environment: dict = field(default_factory=dict)
    process: subprocess.Popen = None


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as directory:
        bench = Bench(Path(directory), options)
        try:
            print(bench.report(bench.measure()))
        finally:
            bench.stop_all()


def parse_options():
    parser = argparse.ArgumentParser(prog="run", description="Portcullis beside nginx, on one core each.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each cell is measured (1 to 20)")
    parser.add_argument("--secs", type=float, default=2, help="length of one measurement (0.2 to 30)")
    parser.add_argument("--cells", default=",".join(CELLS), help="which of " + ",".join(CELLS) + " (default: all)")
    parser.add_argument("--only", default="nginx,nginx-lua,portcullis,portcullis-limits", help="which proxies; ratios need nginx")
    parser.add_argument("--quick", action="store_true", help="one short round: does everything work?")
    parser.add_argument("--no-idle", action="store_true", help="skip memory per idle connection")
    parser.add_argument("--no-instructions", action="store_true", help="skip callgrind")
    parser.add_argument("--raw", type=Path, help="append every single measurement to this file, as JSON lines")
    parser.add_argument("--tools", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--gate", type=Path, help="the gate's binary (default: build it)")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.secs = 1, 0.5
    options.rounds = min(max(options.rounds, 1), 20)
    options.secs = min(max(options.secs, 0.2), 30)
    options.cells = options.cells.split(",")
    options.only = options.only.split(",")
    for name in options.cells:
        if name not in CELLS:
            parser.error(f"no cell {name!r}")
    return options


class Bench:
    def __init__(self, directory, options):
        self.directory, self.options = directory, options
        self.children = []
        self.pinned = len(os.sched_getaffinity(0)) > 1
        self.write_bodies()
        keys = self.make_keys()
        self.client_key = keys[0]["key"]
        self.upstream_port = free_port()
        upstream = [options.tools / "mock", str(self.upstream_port), PROVIDER_KEY]
        self.start(upstream, self.upstream_port, cpu=1, log="upstream")
        proxies = [
            self.nginx("nginx", keys),
            self.nginx("nginx-lua", keys, lua=True),
            self.portcullis("portcullis", keys),
            self.portcullis("portcullis-limits", keys, limited=True),
        ]
        self.proxies = [proxy for proxy in proxies if proxy.name in options.only]

    # What the proxies are given.

    def write_bodies(self):
        def body(length, **fields):
            fields = {"model": "gpt-4o-mini", **fields}
            text = 'You are a helpful assistant.\nAnswer "briefly" and cite the file names you used. '
            content = (text * (length // len(text) + 1))[:length]
            messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": content}]
            return json.dumps({**fields, "messages": messages})

        (self.directory / "1k").write_text(body(850, temperature=0.7))
        (self.directory / "100k").write_text(body(100_000, temperature=0.7))
        (self.directory / "stream").write_text(body(850, stream=True, max_tokens=50))

    def make_keys(self):
        """As many project keys as there are projects, each with 256 random bits."""
        if not any(name.startswith("portcullis") for name in self.options.only):
            keys = [f"pcl_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}" for _ in range(PROJECTS)]
            return [{"key": key, "sha256": hashlib.sha256(key.encode()).hexdigest()} for key in keys]
        make = [self.options.gate, "key", "new", "--format", "json", "--id"]
        return [
            json.loads(subprocess.run([*make, f"bench-{n:03}"], capture_output=True, check=True, timeout=10).stdout)
            for n in range(PROJECTS)
        ]

    def nginx(self, name, keys, lua=False):
        home = self.directory / name
        home.mkdir()
        proxy = Proxy(name, ["nginx", "-e", home / "error.log", "-c", home / "nginx.conf"], free_port())
        names = [f"bench-{n:03}" for n in range(PROJECTS)]
        entries = [f'"Bearer {key["key"]}" {project};' for project, key in zip(names, keys)]
        (home / "projects.map").write_text("\n".join(entries))
        models = ", ".join(f'["{model}"] = true' for model in MODELS)
        entries = [f'["{project}"] = {{ models = {{ {models} }} }},' for project in names]
        (home / "projects.lua").write_text("return {\n" + "\n".join(entries) + "\n}")
        text = (HERE / "nginx.conf").read_text()
        if lua:
            text = text.replace("#lua ", "")
        if os.geteuid() == 0:
            text = text.replace("worker_processes", "user root;\nworker_processes")
        for word, value in {
            "@DIR@": home,
            "@PORT@": proxy.port,
            "@UPSTREAM@": self.upstream_port,
            "@PROVIDER_KEY@": PROVIDER_KEY,
        }.items():
            text = text.replace(word, str(value))
        (home / "nginx.conf").write_text(text)
        return proxy

    def portcullis(self, name, keys, limited=False):
        """The gate; `limited`, with quotas of tokens, budgets and the ledger too."""
        home = self.directory / name
        home.mkdir()
        port = free_port()
        text = f"""
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{free_port()}"
[upstreams.openai]
provider = "openai"
base_url = "http://127.0.0.1:{self.upstream_port}/v1"
[[upstreams.openai.credentials]]
id = "main"
secret = "env:BENCH_PROVIDER_KEY"
"""
        limits = 'requests = "1000000/s", concurrency = 100000'
        if limited:
            limits += ', tokens = ["50M/s", "3000M/day"], budget = ["1000000 USD/day", "9000000 USD/month"]'
            text += f'[store]\npath = "{home}/store.db"\n'
        for n, key in enumerate(keys):
            text += f"""
[projects.bench-{n:03}]
upstreams = ["openai"]
scopes = ["chat"]
models = {json.dumps(MODELS)}
allow_ips = ["10.0.0.0/8", "127.0.0.0/8"]
limits = {{ {limits} }}
[[projects.bench-{n:03}.keys]]
id = "bench-{n:03}"
sha256 = "{key["sha256"]}"
expires = 2099-12-31
"""
        (home / "portcullis.toml").write_text(text)
        command = [self.options.gate, "serve", "--config", home / "portcullis.toml"]
        return Proxy(name, command, port, {"BENCH_PROVIDER_KEY": PROVIDER_KEY})

    # Children: each is started by `start`, and none outlives this process.

    def start(self, command, port, cpu, log, environment=None, patience=20):
        log_path = self.directory / f"{log}.out"
        with open(log_path, "ab") as out:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: self.prepare_child(cpu),
            )
        self.children.append(process)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.3).close()
                return process
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{log} did not come up:\n{log_path.read_text(errors='replace')[-2000:]}")

    def prepare_child(self, cpu):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if self.pinned:
            os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[cpu]})

    def start_proxy(self, proxy):
        proxy.process = self.start(proxy.command, proxy.port, 0, proxy.name, proxy.environment)

    def stop(self, process):
        family = with_descendants(process.pid)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        for pid in family[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.children.remove(process)

    def stop_all(self):
        for process in reversed(self.children.copy()):
            self.stop(process)

    def load(self, proxy, connections, seconds, body, *flags, stdin=subprocess.DEVNULL):
        command = [self.options.tools / "load", proxy.port, connections, seconds, self.directory / body]
        process = subprocess.Popen(
            [str(word) for word in (*command, self.client_key, *flags)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: self.prepare_child(1),
        )
        self.children.append(process)
        return process

    # Measuring.

    def measure(self):
        rows = []

        def keep(row):
            rows.append(row)
            if self.options.raw:
                with open(self.options.raw, "a") as raw:
                    print(json.dumps(row), file=raw)
            if row.get("failed"):
                note(f"{row['proxy']} {row['cell']}: {row['failed']} failed, first: {row['first_failure']!r}")

        for proxy in self.proxies:
            self.start_proxy(proxy)
        for number in range(self.options.rounds):
            for cell in self.options.cells:
                for proxy in self.proxies:
                    keep({"round": number, **self.measure_cell(proxy, cell)})
            note(f"round {number + 1} of {self.options.rounds} done")
        for proxy in self.proxies:
            self.stop(proxy.process)
        if not self.options.no_idle:
            for proxy in self.proxies:
                keep(self.measure_idle(proxy))
        if not self.options.no_instructions:
            for proxy in self.proxies:
                keep(self.count_instructions(proxy))
        return rows

    def measure_cell(self, proxy, name):
        cell = CELLS[name]
        seconds = max(self.options.secs, cell.least_seconds)
        load = self.load(proxy, cell.connections, seconds, cell.body, *cell.flags)
        expect_line(load, "begin")
        before, began = cpu_seconds(proxy.process.pid), time.monotonic()
        expect_line(load, "end")
        after, ended = cpu_seconds(proxy.process.pid), time.monotonic()
        result = json.loads(load.stdout.readline())
        self.stop(load)
        for path in [*self.directory.glob("*.out"), *self.directory.glob("*/records.log")]:
            os.truncate(path, 0)  # they are appended to, and would fill the disk
        answers = max(result["ok"] + result["failed"], 1)
        return {
            "proxy": proxy.name,
            "cell": name,
            **result,
            "per_second": result["ok"] / result["seconds"],
            "cpu_us": (after - before) * 1e6 / answers,
            "busy": (after - before) / (ended - began),
            "peak_kb": memory_kb(proxy.process.pid, "VmHWM"),
        }

    def measure_idle(self, proxy):
        """Memory of a fresh process (no heap grown by earlier load) with and without idle connections."""
        self.start_proxy(proxy)
        time.sleep(0.5)
        before = memory_kb(proxy.process.pid, "Pss")
        load = self.load(proxy, IDLE_CONNECTIONS, 20, "1k", "--warm", "0", "--hold", stdin=subprocess.PIPE)
        expect_line(load, "begin")
        expect_line(load, "end")
        result = json.loads(load.stdout.readline())
        expect_line(load, "held")
        time.sleep(1)
        after = memory_kb(proxy.process.pid, "Pss")
        load.stdin.close()
        self.stop(load)
        self.stop(proxy.process)
        per_connection = (after - before) / IDLE_CONNECTIONS
        return {"proxy": proxy.name, "cell": "idle", **result, "before_kb": before, "kb": per_connection}

    def count_instructions(self, proxy):
        """User instructions per request, by callgrind: a count, so free of the machine's noise."""
        out = self.directory / f"callgrind.{proxy.name}"
        callgrind = ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={out}.%p"]
        port, environment = proxy.port, proxy.environment
        process = self.start([*callgrind, *proxy.command], port, 0, f"{proxy.name}.callgrind", environment, 60)

        def run_load(seconds):
            load = self.load(proxy, 32, seconds, "1k", "--warm", "0")
            expect_line(load, "begin")
            expect_line(load, "end")
            result = json.loads(load.stdout.readline())
            self.stop(load)
            return result

        def control(action):
            for pid in with_descendants(process.pid):
                subprocess.run(["callgrind_control", action, str(pid)], capture_output=True, timeout=30)

        # Under valgrind a gate with a store listens for seconds before it serves.
        for _ in range(20):
            if run_load(1)["ok"] > 100:
                break
        control("--zero")
        result = run_load(2.5)
        control("--dump")
        total = 0
        for dump in glob.glob(f"{out}.*.*"):
            sums = re.findall(r"^(?:summary|totals): (\d+)", Path(dump).read_text(errors="replace"), re.M)
            total += int(sums[-1]) if sums else 0
        self.stop(process)
        return {"proxy": proxy.name, "cell": "callgrind", **result, "instructions": total / max(result["ok"], 1)}

    # Telling.

    def report(self, rows):
        def of(proxy, cell):
            return {row.get("round"): row for row in rows if row["proxy"] == proxy and row["cell"] == cell}

        def median(proxy, cell, value):
            return statistics.median(row[value] for row in of(proxy, cell).values())

        def ratio(proxy, cell, value):
            mine, base = of(proxy, cell), of("nginx", cell)
            ratios = [mine[n][value] / base[n][value] for n in mine if n in base and base[n][value]]
            return f"{statistics.median(ratios):.2f}" if ratios else "–"

        columns = []
        for cell in self.options.cells:
            if cell == "sse64":
                columns.append((
                    "64 streams, µs/event · × · first byte p50 µs",
                    lambda p: f"{median(p, 'sse64', 'cpu_us') / EVENTS_PER_STREAM:.1f} · {ratio(p, 'sse64', 'cpu_us')}"
                    f" · {median(p, 'sse64', 'first_byte_p50_us'):.0f}",
                ))
            else:
                columns.append((
                    f"{cell}, req/s · µs · ×",
                    lambda p, c=cell: f"{median(p, c, 'per_second'):,.0f} · {median(p, c, 'cpu_us'):.1f}"
                    f" · **{ratio(p, c, 'cpu_us')}**",
                ))
        if self.options.cells:
            last = self.options.cells[-1]
            columns.append(("peak MB", lambda p: f"{max(r['peak_kb'] for r in of(p, last).values()) / 1024:.1f}"))
        if not self.options.no_idle:
            columns.append(("KB per idle connection", lambda p: f"{median(p, 'idle', 'kb'):.1f}"))
        if not self.options.no_instructions:
            columns.append((
                "instructions per request · ×",
                lambda p: f"{median(p, 'callgrind', 'instructions'):,.0f} · {ratio(p, 'callgrind', 'instructions')}",
            ))

        failed = sum(row.get("failed", 0) for row in rows)
        pinned = "proxy on CPU 0, upstream and load on CPU 1" if self.pinned else "nothing pinned: one CPU only"
        lines = [
            "",
            "| proxy | " + " | ".join(title for title, _ in columns) + " |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for proxy in self.proxies:
            lines.append(f"| {proxy.name} | " + " | ".join(show(proxy.name) for _, show in columns) + " |")
        lines += [
            "",
            f"{self.options.rounds} rounds of {self.options.secs:g} s, {pinned}; µs is CPU time of the proxy per "
            f"request; × is the median of the same-round ratios to nginx; {failed} requests failed.",
        ]
        return "\n".join(lines)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def expect_line(process, word):
    line = process.stdout.readline().strip()
    if line != word:
        raise SystemExit(f"the load generator said {line!r} where {word!r} was due")


def with_descendants(pid):
    family = [pid]
    for parent in family:
        for path in glob.glob(f"/proc/{parent}/task/*/children"):
            try:
                family += [int(child) for child in Path(path).read_text().split()]
            except OSError:
                pass
    return family


def cpu_seconds(pid):
    nanoseconds = 0
    for member in with_descendants(pid):
        for path in glob.glob(f"/proc/{member}/task/*/schedstat"):
            try:
                nanoseconds += int(Path(path).read_text().split()[0])
            except OSError:
                pass
    return nanoseconds / 1e9


def memory_kb(pid, kind):
    total = 0
    for member in with_descendants(pid):
        try:
            text = Path(f"/proc/{member}/{'smaps_rollup' if kind == 'Pss' else 'status'}").read_text()
        except OSError:
            continue
        total += sum(int(kb) for kb in re.findall(rf"^{kind}:\s+(\d+)", text, re.M))
    return total


def note(text):
    print(text, file=sys.stderr, flush=True)


main()
