"""The official Python SDKs against the gate: what they get, what they raise, when they try again."""

import asyncio
import contextlib
import json
import os
import time
import urllib.error
import urllib.request

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

GATE = os.environ["GATE"]
KEYS = json.loads(os.environ["KEYS"])
HELLO = [{"role": "user", "content": "Hello to the gate"}]


def gpt(key="app", base="/v1", **options):
    return openai.OpenAI(base_url=GATE + base, api_key=KEYS.get(key, key), **options)


def claude(key="app", base="", **options):
    return anthropic.Anthropic(base_url=GATE + base, api_key=KEYS.get(key, key), **options)


def gemini(key="app", **http):
    options = genai_types.HttpOptions(base_url=GATE, **http)
    return genai.Client(api_key=KEYS.get(key, key), http_options=options)


def chat(client, **options):
    return client.chat.completions.create(**{"model": "gpt-4o-mini", "messages": HELLO, **options})


def message(client, **options):
    return client.messages.create(**{"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO, **options})


def records():
    with open(os.environ["RECORDS"]) as f:
        lines = f.read().splitlines()
    return [r for r in map(json.loads, lines) if "request_id" in r]


@contextlib.contextmanager
def new_records(count):
    """Expects so many new records and gives them; the gate writes them within milliseconds."""
    time.sleep(0.1)  # the records of what was asked before are still being written
    before, found = len(records()), []
    yield found
    end = time.monotonic() + 5
    while len(records()) - before < count and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)  # one too many would come now
    found.extend(records()[before:])
    assert len(found) == count, [(r["event"], r["status"]) for r in found]


# What works.


def test_openai_chat():
    answer = chat(gpt())
    assert "Hello to the gate" in answer.choices[0].message.content and answer.usage.total_tokens > 0
    assert answer._request_id.startswith("req_")


def test_openai_stream_arrives_event_by_event():
    times = [time.monotonic() for chunk in chat(gpt(), stream=True) if chunk.choices]
    assert len(times) > 5 and times[-1] - times[0] > 0.15


def test_openai_async():
    async def ask():
        async with openai.AsyncOpenAI(base_url=GATE + "/v1", api_key=KEYS["app"]) as client:
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert "Hello to the gate" in asyncio.run(ask())


def test_openai_responses():
    answer = gpt().responses.create(model="gpt-4o-mini", input="Hello to the gate")
    assert "Hello to the gate" in answer.output_text
    with gpt().responses.stream(model="gpt-4o-mini", input="Hello to the gate") as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"


def test_openai_embeddings():
    answer = gpt().embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) > 8


def test_openai_models_are_the_projects_own():
    shown = {model.id for model in gpt().models.list()}
    assert shown == {"gpt-4o-mini", "text-embedding-3-small", "text-embedding-3-large"}
    assert gpt().models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"


def test_openai_by_the_upstreams_prefix():
    assert chat(gpt(base="/openai/v1")).choices


def test_azure_deployment_and_v1():
    client = openai.AzureOpenAI(azure_endpoint=GATE, api_key=KEYS["azure"], api_version="2024-10-21")
    assert chat(client, model="prod-4o").choices
    assert chat(gpt("azure", "/azure/v1")).choices
    with pytest.raises(openai.PermissionDeniedError, match="may not use model 'other'"):
        chat(client, model="other")


def test_no_header_of_the_providers_account_arrives():
    raw = gpt().chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HELLO)
    names = {name.lower() for name in raw.headers}
    assert not [n for n in names if n in ("openai-organization", "set-cookie", "server") or "ratelimit" in n]


def test_anthropic_messages_and_stream():
    assert "Hello to the gate" in message(claude()).content[0].text
    times = []
    with claude().messages.stream(model="claude-haiku-4-5", max_tokens=64, messages=HELLO) as stream:
        for _ in stream.text_stream:
            times.append(time.monotonic())
    assert len(times) > 3 and times[-1] - times[0] > 0.05


def test_anthropic_key_in_either_header_and_prefix():
    assert message(anthropic.Anthropic(base_url=GATE, auth_token=KEYS["app"], api_key=None)).content
    assert message(claude(default_headers={"x-api-key": KEYS["app"]})).content
    assert message(claude(base="/anthropic")).content


def test_anthropic_async_count_and_models():
    async def ask():
        async with anthropic.AsyncAnthropic(base_url=GATE, api_key=KEYS["app"]) as client:
            return await client.messages.count_tokens(model="claude-haiku-4-5", messages=HELLO)

    assert asyncio.run(ask()).input_tokens > 0
    assert {model.id for model in claude().models.list()} == {"claude-haiku-4-5"}


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_gemini(version):
    client = gemini(api_version=version)
    answer = client.models.generate_content(model="gemini-2.5-flash", contents="Hello to the gate")
    assert "Hello to the gate" in answer.text
    times = [time.monotonic() for _ in client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")]
    assert len(times) > 3 and times[-1] - times[0] > 0.05
    assert client.models.count_tokens(model="gemini-2.5-flash", contents="Hello").total_tokens > 0
    assert client.models.embed_content(model="gemini-embedding-001", contents="Hello").embeddings
    assert {m.name for m in client.models.list(config={"query_base": True})} == {"models/gemini-2.5-flash", "models/gemini-embedding-001"}


def test_gemini_default_version_and_async():
    async def ask():
        client = gemini()
        return await client.aio.models.generate_content(model="gemini-2.5-flash", contents="Hello to the gate")

    assert "Hello to the gate" in asyncio.run(ask()).text


def test_gemini_key_in_the_query():
    request = urllib.request.Request(
        f"{GATE}/v1beta/models/gemini-2.5-flash:generateContent?key={KEYS['app']}",
        b'{"contents":[{"parts":[{"text":"Hello"}]}]}', {"content-type": "application/json"})
    with new_records(1) as found, urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert KEYS["app"] not in json.dumps(found)


# What is refused: the SDK's own exception, our sentence, the code, the request's name; asked once.

REFUSALS = [
    ("not-a-key", {}, openai.AuthenticationError, anthropic.AuthenticationError, 401, "key_malformed", "not a project key"),
    (os.environ["UNKNOWN_KEY"], {}, openai.AuthenticationError, anthropic.AuthenticationError, 401, "key_unknown", "not known here"),
    ("elsewhere", {}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "ip_not_allowed", "127.0.0.1"),
    ("narrow", {}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "scope_missing", "lacks the scope 'chat'"),
    ("expired", {}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "key_expired", "has expired"),
    ("revoked", {}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "key_revoked", "was revoked"),
    ("app", {"model": "not-mine"}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "model_not_allowed", "not-mine"),
    ("app", {"extra_body": {"models": ["x"]}}, openai.PermissionDeniedError, anthropic.PermissionDeniedError, 403, "parameter_not_allowed", "models"),
    ("app", {"extra_headers": {"api-key": "pcl_other"}}, openai.BadRequestError, anthropic.BadRequestError, 400, "key_conflict", "Two different"),
    ("app", {"extra_query": {"debug": "1"}}, openai.BadRequestError, anthropic.BadRequestError, 400, "query_not_allowed", "debug"),
    ("app", {"messages": [{"role": "user", "content": "x" * 300_000}]}, openai.APIStatusError, anthropic.RequestTooLargeError, 413, "body_too_large", "larger"),
]


@pytest.mark.parametrize("key,ask,expected,_,status,code,words", REFUSALS, ids=lambda v: v if isinstance(v, str) and "_" in v and len(v) < 25 else "")
def test_openai_refusals(key, ask, expected, _, status, code, words):
    with new_records(1) as found, pytest.raises(expected) as raised:
        chat(gpt(key), **ask)
    error = raised.value
    assert words in str(error) and (error.status_code, error.code) == (status, code)
    assert (found[0]["reason"], found[0]["request_id"]) == (code, error.request_id)


@pytest.mark.parametrize("key,ask,_,expected,status,code,words", REFUSALS, ids=lambda v: v if isinstance(v, str) and "_" in v and len(v) < 25 else "")
def test_anthropic_refusals(key, ask, _, expected, status, code, words):
    with new_records(1) as found, pytest.raises(expected) as raised:
        message(claude(key), **ask)
    error = raised.value
    assert words in str(error) and error.status_code == status
    assert error.body["error"]["details"]["error_code"] == code
    assert (found[0]["reason"], found[0]["request_id"]) == (code, error.request_id)


@pytest.mark.parametrize("key,model,status,name,code,words", [
    ("not-a-key", "gemini-2.5-flash", 401, "UNAUTHENTICATED", "key_malformed", "not a project key"),
    ("elsewhere", "gemini-2.5-flash", 403, "PERMISSION_DENIED", "ip_not_allowed", "127.0.0.1"),
    ("narrow", "gemini-2.5-flash", 403, "PERMISSION_DENIED", "scope_missing", "lacks the scope"),
    ("app", "gemini-2.5-pro", 403, "PERMISSION_DENIED", "model_not_allowed", "gemini-2.5-pro"),
])
def test_gemini_refusals(key, model, status, name, code, words):
    client = gemini(key)
    with new_records(1) as found, pytest.raises(genai_errors.ClientError) as raised:
        client.models.generate_content(model=model, contents="Hello")
    assert (raised.value.code, raised.value.status) == (status, name) and words in raised.value.message
    assert found[0]["reason"] == code


def test_a_doubled_prefix_is_named():
    with new_records(1), pytest.raises(openai.NotFoundError, match="/v1 is doubled"):
        chat(gpt(base="/v1/v1"))
    with new_records(1), pytest.raises(anthropic.NotFoundError, match="/v1 is doubled"):
        message(claude(base="/v1"))
    with new_records(1), pytest.raises(openai.NotFoundError, match="/v1 is missing"):
        chat(gpt(base=""))


# When the SDKs try again.


def test_a_long_wait_is_not_retried():
    with new_records(1):
        chat(gpt("hourly"))
    with new_records(1), pytest.raises(openai.RateLimitError, match="over its request rate"):
        chat(gpt("hourly"))
    with new_records(1), pytest.raises(anthropic.RateLimitError, match="over its request rate"):
        message(claude("hourly"))


def test_a_short_wait_is_sat_out():
    with new_records(3) as found:
        chat(gpt("brisk"))
        chat(gpt("brisk"))
    assert [r["status"] for r in found] == [200, 429, 200]


def test_the_providers_own_rate_limit_is_retried():
    with new_records(2) as found:
        assert chat(gpt(), messages=[{"role": "user", "content": "standin:error=429:once openai-py"}]).choices
    assert [r["status"] for r in found] == [429, 200]
    with new_records(2) as found:
        assert message(claude(), messages=[{"role": "user", "content": "standin:error=429:once anthropic-py"}]).content
    assert [r["status"] for r in found] == [429, 200]


def test_the_providers_failure_is_retried_and_then_told():
    with new_records(3), pytest.raises(openai.InternalServerError):
        chat(gpt(), messages=[{"role": "user", "content": "standin:error=500"}])


def test_the_gates_own_credential_failing_is_not_the_callers_fault():
    with new_records(1) as found, pytest.raises(openai.InternalServerError, match="It is not your key") as raised:
        chat(gpt("badkey", "/stale/v1"))
    assert raised.value.code == "upstream_credential_rejected" and raised.value.status_code == 502
    assert (found[0]["event"], found[0]["upstream_status"]) == ("failed", 401)
    assert "stale.credentials" in found[0]["rule"]


def test_no_key_of_anyone_stands_in_the_records():
    with open(os.environ["RECORDS"]) as f:
        text = f.read()
    for key in [*KEYS.values(), os.environ["UNKNOWN_KEY"], os.environ["PROVIDER_KEY"]]:
        assert key not in text
