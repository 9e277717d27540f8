"""Starts a stand-in upstream and a gate before it, runs a command with their addresses and keys in
its environment, and stops both.

    gate.py BINARY COMMAND [ARGUMENT...]
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time

PROVIDER_KEY = "sk-judges-provider-key"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def key(binary, name):
    made = subprocess.run([binary, "key", "new", "--id", name, "--format", "json"], check=True, capture_output=True)
    return json.loads(made.stdout)


PROJECTS = {
    # name: (settings, settings of its key)
    "app": ('upstreams = ["openai", "anthropic", "gemini"]\nscopes = "*"\nallow_ips = "any"\n'
            'models = ["gpt-4o-mini", "text-embedding-3-*", "claude-haiku-*", "gemini-2.5-flash", "gemini-embedding-001"]', ""),
    "azure": ('upstreams = ["azure"]\nscopes = "*"\nmodels = ["prod-4o", "gpt-4o-mini"]\nallow_ips = "any"', ""),
    "elsewhere": ('upstreams = "*"\nscopes = "*"\nmodels = "*"\nallow_ips = ["10.99.0.0/16"]', ""),
    "narrow": ('upstreams = "*"\nscopes = ["models:read"]\nmodels = "*"\nallow_ips = "any"', ""),
    "expired": ('upstreams = "*"\nscopes = "*"\nmodels = "*"\nallow_ips = "any"', "expires = 2020-01-01"),
    "revoked": ('upstreams = "*"\nscopes = "*"\nmodels = "*"\nallow_ips = "any"', "revoked = true"),
    "hourly": ('upstreams = ["openai", "anthropic", "gemini"]\nscopes = "*"\nmodels = "*"\nallow_ips = "any"\n'
               'limits = { requests = "1/hour" }', ""),
    "hourly2": ('upstreams = ["openai", "anthropic", "gemini"]\nscopes = "*"\nmodels = "*"\nallow_ips = "any"\n'
                'limits = { requests = "1/hour" }', ""),
    "brisk": ('upstreams = ["openai", "anthropic", "gemini"]\nscopes = "*"\nmodels = "*"\nallow_ips = "any"\n'
              'limits = { requests = "1/s" }', ""),
    "badkey": ('upstreams = ["stale"]\nscopes = "*"\nmodels = "*"\nallow_ips = "any"', ""),
}


def main():
    binary, command = sys.argv[1], sys.argv[2:]
    upstream, listen, admin = free_port(), free_port(), free_port()
    keys = {name: key(binary, f"{name}-1") for name in PROJECTS}
    unknown = key(binary, "nobody-1")["key"]
    text = f"""
[server]
listen = "127.0.0.1:{listen}"
max_body = "256 KiB"
[admin]
listen = "127.0.0.1:{admin}"
[log]
format = "json"
[upstreams.openai]
provider = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
credentials = [{{ id = "main", secret = "env:JUDGES_PROVIDER_KEY", organization = "org-ours" }}]
[upstreams.anthropic]
provider = "anthropic"
base_url = "http://127.0.0.1:{upstream}"
credentials = [{{ id = "main", secret = "env:JUDGES_PROVIDER_KEY" }}]
[upstreams.gemini]
provider = "gemini"
base_url = "http://127.0.0.1:{upstream}"
credentials = [{{ id = "main", secret = "env:JUDGES_PROVIDER_KEY" }}]
[upstreams.azure]
provider = "azure-openai"
base_url = "http://127.0.0.1:{upstream}"
credentials = [{{ id = "main", secret = "env:JUDGES_PROVIDER_KEY" }}]
[upstreams.stale]
provider = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
credentials = [{{ id = "rotated-away", secret = "env:JUDGES_STALE_KEY" }}]
"""
    for name, (settings, of_key) in PROJECTS.items():
        text += f'[projects.{name}]\n{settings}\n[[projects.{name}.keys]]\nid = "{name}-1"\nsha256 = "{keys[name]["sha256"]}"\n{of_key}\n'

    with tempfile.TemporaryDirectory() as folder:
        config, records = os.path.join(folder, "gate.toml"), os.path.join(folder, "records")
        with open(config, "w") as f:
            f.write(text)
        environment = {**os.environ, "JUDGES_PROVIDER_KEY": PROVIDER_KEY, "JUDGES_STALE_KEY": "sk-was-rotated-away"}
        processes = []
        try:
            with open(records, "w") as out:
                processes.append(subprocess.Popen(
                    [binary, "stand-in", "--listen", f"127.0.0.1:{upstream}", "--key", PROVIDER_KEY, "--pace-ms", "30"]))
                processes.append(subprocess.Popen([binary, "serve", "--config", config], stdout=out, env=environment))
            for _ in range(200):
                ready = subprocess.run([binary, "health", "--admin", f"127.0.0.1:{admin}"], capture_output=True)
                if ready.returncode == 0:
                    break
                time.sleep(0.05)
            else:
                sys.exit("the gate did not get ready")
            told = {
                "GATE": f"http://127.0.0.1:{listen}",
                "RECORDS": records,
                "PROVIDER_KEY": PROVIDER_KEY,
                "UNKNOWN_KEY": unknown,
                "KEYS": json.dumps({name: made["key"] for name, made in keys.items()}),
            }
            return subprocess.run(command, env={**os.environ, **told}).returncode
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
