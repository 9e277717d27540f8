"""What every judge needs: the gate's address, project keys, and its records."""

import http.client
import itertools
import json
import os
import time
from urllib.parse import urlsplit

import pytest

PATIENCE = 5


class Gate:
    """The gate under judgement; `gate.py` has started it."""

    def __init__(self):
        self.url = os.environ["GATE"]
        self.keys = json.loads(os.environ["GATE_KEYS"])
        self._records = os.environ["GATE_RECORDS"]
        self._since = 0
        self._marks = itertools.count()

    def request(self, method, path, body=None, headers=None):
        """A request that no SDK would make; gives the response and its JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return response, content

    def forget(self):
        """From here on, records are counted anew."""
        self._since = len(self._all_up_to_now())

    def records(self, count):
        """The records since `forget`, once there are `count`; never more."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self._all_up_to_now()[self._since :]) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(found) == count, "\n".join(json.dumps(record) for record in found)
        return found

    def _all_up_to_now(self):
        # A request of our own follows; once its record is there, so are those before it.
        mark = f"/mark-{next(self._marks)}"
        self.request("GET", mark)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open(self._records, encoding="ascii") as lines:
                complete = [json.loads(line) for line in lines if line.endswith("\n")]
            found = [record for record in complete if "request_id" in record]
            if any(record["path"] == mark for record in found):
                return [record for record in found if not record["path"].startswith("/mark-")]
            time.sleep(0.005)
        raise AssertionError(f"no record of {mark}")


@pytest.fixture(scope="session")
def the_gate():
    return Gate()


@pytest.fixture
def gate(the_gate):
    the_gate.forget()
    return the_gate


def arrivals(events):
    """The events, and the seconds between the first and the last."""
    seen = [(time.monotonic(), event) for event in events]
    return [event for _, event in seen], seen[-1][0] - seen[0][0]


async def async_arrivals(events):
    seen = [(time.monotonic(), event) async for event in events]
    return [event for _, event in seen], seen[-1][0] - seen[0][0]


# Headers by which an answer would tell whose account paid for it.
UPSTREAM_IDENTITY = (
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "anthropic-workspace-id",
    "set-cookie",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-limit",
    "cf-ray",
    "server",
    "via",
    "x-ms-region",
)
