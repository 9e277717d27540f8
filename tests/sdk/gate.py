"""Runs a command beside a stand-in and a gate: `gate.py COMMAND…`.

The command finds them in its environment, which holds no other proxy, key or base URL of an SDK:
GATE (the gate's address), GATE_KEYS (project keys by their id, as JSON) and GATE_RECORDS (the file
to which the gate writes its records, one JSON object a line). GATE_TLS is a second gate that speaks TLS, and GATE_CA the
file with the authority of its certificate.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY = os.environ["PORTCULLIS"]
HERE = Path(__file__).resolve().parent
PYTHON = HERE / ".venv" / "bin" / "python"
FOREIGN = ("OPENAI_", "AZURE_", "ANTHROPIC_", "AWS_", "GOOGLE_", "GEMINI_", "GROQ_", "MISTRAL_", "CO_", "COHERE_")
FOREIGN += ("LANGCHAIN_", "LANGSMITH_", "LITELLM_", "PORTCULLIS_")
PATIENCE = 20

CONFIG = """
[server]
listen = "127.0.0.1:{gate}"
max_body = "256 KiB"
workers = 1

[admin]
listen = "127.0.0.1:{admin}"

[log]
format = "json"
repeats = "whole"

[upstreams.openai]
provider = "openai"
base_url = "http://127.0.0.1:{standin}/v1"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.anthropic]
provider = "anthropic"
base_url = "http://127.0.0.1:{standin}"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.gemini]
provider = "gemini"
base_url = "http://127.0.0.1:{standin}"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.azure]
provider = "azure-openai"
base_url = "http://127.0.0.1:{standin}"
models = ["prod-4o", "gpt-4o-mini"]
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.groq]
provider = "groq"
base_url = "http://127.0.0.1:{standin}/openai/v1"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.mistral]
provider = "mistral"
base_url = "http://127.0.0.1:{standin}/v1"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.cohere]
provider = "cohere"
base_url = "http://127.0.0.1:{standin}"
credentials = [{{ id = "main", secret = "env:STAND_IN_KEY" }}]

[upstreams.openai-stale]
provider = "openai"
base_url = "http://127.0.0.1:{standin}/v1"
credentials = [{{ id = "stale", secret = "env:STALE_KEY" }}]

[upstreams.anthropic-stale]
provider = "anthropic"
base_url = "http://127.0.0.1:{standin}"
credentials = [{{ id = "stale", secret = "env:STALE_KEY" }}]

[upstreams.gemini-stale]
provider = "gemini"
base_url = "http://127.0.0.1:{standin}"
credentials = [{{ id = "stale", secret = "env:STALE_KEY" }}]
"""

SIGNED = """
[upstreams.{name}]
provider = "bedrock"
region = "eu-central-1"
base_url = "http://127.0.0.1:{port}"
[[upstreams.{name}.credentials]]
id = "signed"
aws = {{ {keys} }}
"""
SIGNERS = {
    "bedrock": {"access_key_id": "env:AWS_ID", "secret_access_key": "env:AWS_KEY"},
    "bedrock-session": {
        "access_key_id": "env:AWS_SESSION_ID",
        "secret_access_key": "env:AWS_SESSION_KEY",
        "session_token": "env:AWS_SESSION",
    },
    "bedrock-stale": {"access_key_id": "env:AWS_ID", "secret_access_key": "env:STALE_KEY"},
}

# Every project may do all of this, but for what its own line changes.
USUAL = {
    "upstreams": ["openai", "anthropic", "gemini"],
    "scopes": ["*"],
    "models": [
        "gpt-4o-mini",
        "whisper-1",
        "gpt-image-1",
        "text-embedding-3-small",
        "claude-haiku-*",
        "gemini-2.5-flash",
        "gemini-embedding-001",
    ],
    "allow_ips": ["127.0.0.0/8", "::1"],
}
PROJECTS = {
    "app": {},
    "azure": {"upstreams": ["azure"], "models": ["prod-4o", "gpt-4o-mini"]},
    "others": {"upstreams": ["groq", "mistral"]},
    "cohere": {"upstreams": ["cohere"], "models": ["command-a-*", "embed-v4.0", "rerank-v3.5"]},
    "cohere-chat": {"upstreams": ["cohere"], "scopes": ["chat"], "models": ["command-a-*"]},
    "stored": {"upstreams": ["openai"], "scopes": ["chat", "files:read"]},
    "two": {"upstreams": ["openai", "groq"]},
    "bedrock": {"upstreams": list(SIGNERS), "models": ["*anthropic.claude-haiku-*"]},
    "away": {"allow_ips": ["10.99.0.0/16"]},
    "embedder": {"scopes": ["embeddings"]},
    "reader": {"scopes": ["models:read"]},
    "talker": {"models": ["gpt-realtime", "gpt-4o-mini", "gemini-live", "gpt-4o-transcribe"]},
    "web": {"cors": {"origins": ["https://app.example"], "max_age": "10m"}},
    "stale": {"upstreams": ["openai-stale", "anthropic-stale", "gemini-stale"]},
    # One for each judge: what one uses up must not be missing to the next.
    **{f"hourly-{sdk}": {"limits": {"requests": "1/h"}} for sdk in ("openai", "anthropic", "gemini")},
    **{f"secondly-{sdk}": {"limits": {"requests": "1/s"}} for sdk in ("openai", "anthropic", "gemini")},
}
# Further keys of the project `app`.
KEYS = {"expired": "expires = 2020-01-01", "revoked": "revoked = true", "future": "not_before = 2098-01-01"}


def main(command):
    with tempfile.TemporaryDirectory(prefix="portcullis-judges-") as folder:
        folder = Path(folder)
        ports = dict(zip(("standin", "gate", "admin", "tls", "bedrock"), free_ports(5)))
        keys = {name: new_key(name) for name in [*PROJECTS, *KEYS, "unknown"]}
        config = folder / "portcullis.toml"
        config.write_text(CONFIG.format(**ports) + signers(ports["bedrock"]) + projects(keys))
        records = folder / "records.jsonl"
        environment = clean_environment()
        secrets = {"STAND_IN_KEY": "sk-provider-main", "STALE_KEY": "sk-provider-stale"}
        secrets |= {"AWS_ID": "AKIDJUDGE1", "AWS_KEY": "secret/of+the+judge"}
        secrets |= {"AWS_SESSION_ID": "ASIDJUDGE2", "AWS_SESSION_KEY": "secret/of+a+session"}
        secrets |= {"AWS_SESSION": "session/token+of==the/judge"}
        running = []
        try:
            at = f"127.0.0.1:{ports['standin']}"
            standin = [BINARY, "stand-in", "--listen", at]
            running.append(start(standin, folder / "standin.log", environment | secrets, folder / "standin.err"))
            # It needs botocore, so it is run by the interpreter of the judges.
            bedrock = [str(PYTHON), str(HERE / "bedrock.py"), str(ports["bedrock"])]
            running.append(start(bedrock, folder / "bedrock.log", environment, folder / "bedrock.err"))
            serve = [BINARY, "serve", "--config", str(config)]
            running.append(start(serve, records, environment | secrets, folder / "gate.err"))
            certificate = new_certificate(folder)
            running.append(start(serve, folder / "tls.log", environment | secrets | {
                "PORTCULLIS__SERVER__LISTEN": f"127.0.0.1:{ports['tls']}",
                "PORTCULLIS__SERVER__TLS__CERT": str(certificate),
                "PORTCULLIS__SERVER__TLS__KEY": f"file:{folder / 'key.pem'}",
                "PORTCULLIS__ADMIN__ENABLED": "false",
            }, folder / "tls.err"))
            ready = ("standin", "tls", "bedrock")
            wait_for(lambda: all(answers(ports[name]) for name in ready), running)
            health = [BINARY, "health", "--admin", f"127.0.0.1:{ports['admin']}"]
            wait_for(lambda: subprocess.run(health, capture_output=True).returncode == 0, running)
            told = {
                "GATE": f"http://127.0.0.1:{ports['gate']}",
                "GATE_KEYS": json.dumps({name: key["key"] for name, key in keys.items()}),
                "GATE_RECORDS": str(records),
                "GATE_TLS": f"https://localhost:{ports['tls']}",
                "GATE_CA": str(certificate),
                # Node reads it only at its start.
                "NODE_EXTRA_CA_CERTS": str(certificate),
            }
            status = subprocess.run(command, env=environment | told).returncode
            if "panicked" in (folder / "gate.err").read_text():
                raise RuntimeError("the gate panicked")
            return status
        except RuntimeError as error:
            texts = [path.read_text() for path in sorted(folder.glob("*.err"))]
            print(error, *texts, sep="\n", file=sys.stderr)
            return 1
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def new_certificate(folder):
    """A certificate for localhost that is its own authority, with its key beside it."""
    made = folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", made],
        check=True, capture_output=True,
    )
    return made


def new_key(name):
    made = subprocess.run([BINARY, "key", "new", "--id", name, "--format", "json"], capture_output=True, check=True)
    return json.loads(made.stdout)


def signers(port):
    def table(keys):
        return ", ".join(f"{name} = {json.dumps(value)}" for name, value in keys.items())

    return "".join(SIGNED.format(name=name, port=port, keys=table(keys)) for name, keys in SIGNERS.items())


def projects(keys):
    text = ""
    for name, own in PROJECTS.items():
        text += f"\n[projects.{name}]\n"
        for setting, value in (USUAL | own).items():
            # What these values have is written alike in JSON and TOML, but for tables.
            if isinstance(value, dict):
                value = "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + " }"
                text += f"{setting} = {value}\n"
            else:
                text += f"{setting} = {json.dumps(value)}\n"
        for key, lines in {name: "", **(KEYS if name == "app" else {})}.items():
            text += f'[[projects.{name}.keys]]\nid = "{key}"\nsha256 = "{keys[key]["sha256"]}"\n{lines}\n'
    return text


def clean_environment():
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }


def start(command, out, environment, err):
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(ready, running):
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if any(process.poll() is not None for process in running) or time.monotonic() > deadline:
            raise RuntimeError("the stand-in or the gate did not start")
        time.sleep(0.02)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
