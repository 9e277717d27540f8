"""An application that knows no provider's key: it speaks to the gate beside it, with the provider's own SDK."""

import signal
import time
import urllib.request
from pathlib import Path

from openai import OpenAI, PermissionDeniedError

GATE = "http://127.0.0.1:8080/v1"
GATE_READY = "http://127.0.0.1:9090/readyz"
QUESTION = [{"role": "user", "content": "Say hello."}]


def main():
    wait_for_gate(seconds=30)
    key = Path("/run/secrets/project_key").read_text().strip()
    client = OpenAI(base_url=GATE, api_key=key)

    answer = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    print("chat:", answer.choices[0].message.content)

    stream = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, stream=True)
    pieces = [choice.delta.content for event in stream for choice in event.choices if choice.delta.content]
    print(f"stream: {len(pieces)} pieces:", "".join(pieces))

    try:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
        print("refused: no, the request went through")
    except PermissionDeniedError as error:
        print(f"refused: {type(error).__name__} {error.code}: {error}")
    print("done")

    # Stay, as a service would: the gate lives in this container's network.
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def wait_for_gate(seconds):
    """Compose starts the gate after the application whose network it shares; Kubernetes starts it before."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(GATE_READY, timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
