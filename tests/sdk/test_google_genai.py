"""google-genai as judge."""

import asyncio
import json

import pytest
from conftest import UPSTREAM_IDENTITY, arrivals, async_arrivals
from google import genai
from google.genai import errors, types

MODEL = "gemini-2.5-flash"
RETRIES = types.HttpRetryOptions(attempts=3, initial_delay=0.1, max_delay=2, jitter=0)
KEPT = []  # A client that nobody holds any more closes itself, be its models in use or not.


def client(gate, key="app", root="", **options):
    options = types.HttpOptions(base_url=gate.url + root, **options)
    made = genai.Client(api_key=gate.keys.get(key, key), http_options=options)
    KEPT.append(made)
    return made


def generate(client, text="hello", model=MODEL, **options):
    return client.models.generate_content(model=model, contents=text, **options)


def refused(code, status, reason, sentence, ask):
    """The error that `ask` raises, once it says what the table of refusals says."""
    error_class = errors.ClientError if code < 500 else errors.ServerError
    with pytest.raises(error_class) as raised:
        ask()
    error = raised.value
    assert type(error) is error_class
    assert (error.code, error.status) == (code, status)
    assert sentence in error.message
    [info] = error.details["error"]["details"]
    assert (info["reason"], info["domain"]) == (reason.upper(), "portcullis")
    assert f"(request {info['metadata']['request_id']})" in error.message
    return error


# ---- what is answered ----


def test_generate_with_the_default_version(gate):
    answer = generate(client(gate))
    assert answer.text == "The stand-in heard “hello” and asked no model."
    [record] = gate.records(1)
    assert (record["event"], record["endpoint"], record["upstream"]) == ("served", "generate", "gemini")
    assert record["model"] == MODEL
    assert answer.sdk_http_response.headers["x-request-id"] == record["request_id"]


@pytest.mark.parametrize("version", ["v1beta", "v1", "v1alpha"])
def test_generate_with_each_version(gate, version):
    assert "hello" in generate(client(gate, api_version=version)).text
    assert gate.records(1)[0]["path"] == f"/{version}/models/{MODEL}:generateContent"


def test_stream_arrives_event_by_event(gate):
    chunks, took = arrivals(client(gate).models.generate_content_stream(model=MODEL, contents="standin:tokens=30"))
    assert len(chunks) == 31
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert took > 0.3
    assert gate.records(1)[0]["stream"] is True


def test_async_generate_and_stream(gate):
    async def both():
        models = client(gate).aio.models
        answer = await models.generate_content(model=MODEL, contents="hello")
        stream = await models.generate_content_stream(model=MODEL, contents="standin:tokens=30")
        return answer, *await async_arrivals(stream)

    answer, chunks, took = asyncio.run(both())
    assert "hello" in answer.text
    assert len(chunks) == 31 and took > 0.3


def test_chat_session(gate):
    chat = client(gate).chats.create(model=MODEL)
    assert "one" in chat.send_message("one").text
    assert "two" in chat.send_message("two").text
    gate.records(2)


def test_token_ceiling_is_noted(gate):
    config = types.GenerateContentConfig(max_output_tokens=2)
    answer = generate(client(gate), config=config)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert gate.records(1)[0]["token_ceiling"] == 2


def test_embed_content(gate):
    answer = client(gate).models.embed_content(model="gemini-embedding-001", contents=["one", "two"])
    assert len(answer.embeddings) == 2
    assert len(answer.embeddings[0].values) > 100


def test_count_tokens(gate):
    assert client(gate).models.count_tokens(model=MODEL, contents="one two three").total_tokens > 0
    assert gate.records(1)[0]["endpoint"] == "count_tokens"


def test_models_list_shows_what_the_project_may_use(gate):
    listed = {model.name for model in client(gate).models.list()}
    assert listed == {f"models/{MODEL}", "models/gemini-embedding-001"}
    assert client(gate).models.get(model=MODEL).name == f"models/{MODEL}"


def test_a_base_url_with_the_upstreams_name(gate):
    assert "hello" in generate(client(gate, root="/gemini")).text
    assert gate.records(1)[0]["upstream"] == "gemini"


def test_the_key_in_the_query(gate):
    path = f"/v1beta/models/{MODEL}:generateContent?key={gate.keys['app']}"
    body = json.dumps({"contents": [{"parts": [{"text": "hello"}]}]})
    response, answer = gate.request("POST", path, body, {"Content-Type": "application/json"})
    assert response.status == 200
    assert "hello" in answer["candidates"][0]["content"]["parts"][0]["text"]
    [record] = gate.records(1)
    assert "pcl_" not in json.dumps(record)


def test_headers_that_tell_whose_account_it_is_stay_behind(gate):
    headers = generate(client(gate)).sdk_http_response.headers
    assert not [name for name in UPSTREAM_IDENTITY + ("server-timing", "alt-svc") if name in headers]


# ---- what is refused: the SDK's own class, our sentence, code and request id, and one attempt ----


@pytest.mark.parametrize(
    "key, reason, sentence",
    [
        ("AIzaSy0123456789", "provider_key_sent", "looks like a key of Google"),
        ("unknown", "key_unknown", "This project key is not known here."),
    ],
)
def test_keys_that_are_none(gate, key, reason, sentence):
    ask = lambda: generate(client(gate, key, retry_options=RETRIES))
    refused(401, "UNAUTHENTICATED", reason, sentence, ask)
    assert gate.records(1)[0]["reason"] == reason


def test_no_key(gate):
    body = json.dumps({"contents": [{"parts": [{"text": "hello"}]}]})
    response, answer = gate.request(
        "POST", f"/v1beta/models/{MODEL}:generateContent", body, {"Content-Type": "application/json"}
    )
    assert (response.status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert answer["error"]["details"][0]["reason"] == "KEY_MISSING"


@pytest.mark.parametrize(
    "key, reason, sentence",
    [
        ("expired", "key_expired", "Project key 'expired' has expired."),
        ("revoked", "key_revoked", "Project key 'revoked' was revoked."),
        ("away", "ip_not_allowed", "Requests from address 127.0.0.1 are not allowed here."),
        ("embedder", "scope_missing", "lacks the scope 'chat'"),
        ("azure", "upstream_not_allowed", "Project 'azure' may not use this provider."),
    ],
)
@pytest.mark.parametrize("version", [None, "v1beta"])
def test_keys_that_may_not(gate, key, reason, sentence, version):
    ask = lambda: generate(client(gate, key, api_version=version, retry_options=RETRIES))
    refused(403, "PERMISSION_DENIED", reason, sentence, ask)
    assert gate.records(1)[0]["reason"] == reason


def test_a_model_that_is_not_allowed(gate):
    ask = lambda: generate(client(gate), model="gemini-2.5-pro")
    refused(403, "PERMISSION_DENIED", "model_not_allowed", "may not use model 'gemini-2.5-pro'", ask)
    gate.records(1)


def test_a_stream_is_refused_like_anything_else(gate):
    ask = lambda: list(client(gate, "expired").models.generate_content_stream(model=MODEL, contents="hi"))
    refused(403, "PERMISSION_DENIED", "key_expired", "has expired", ask)
    gate.records(1)


def test_an_async_client_is_refused_like_any_other(gate):
    ask = lambda: asyncio.run(client(gate, "expired").aio.models.generate_content(model=MODEL, contents="hi"))
    refused(403, "PERMISSION_DENIED", "key_expired", "has expired", ask)
    gate.records(1)


def test_the_list_of_models_is_refused_in_the_dialect_of_the_sdk(gate):
    ask = lambda: list(client(gate, "expired").models.list())
    refused(403, "PERMISSION_DENIED", "key_expired", "has expired", ask)
    gate.records(1)


@pytest.mark.parametrize(
    "root, version, advice",
    [
        ("/v1beta", "v1beta", "The prefix /v1beta is doubled: take one /v1beta off the end of base_url."),
        ("/v1", "v1beta", "The SDK adds /v1beta itself: take /v1 off the end of base_url."),
        ("/gemini/v1", "v1", "The prefix /v1 is doubled"),
    ],
)
def test_a_wrong_base_url_is_named(gate, root, version, advice):
    ask = lambda: generate(client(gate, root=root, api_version=version))
    refused(404, "NOT_FOUND", "endpoint_unknown", advice, ask)
    gate.records(1)


def test_two_different_credentials(gate):
    two = client(gate, headers={"Authorization": f"Bearer {gate.keys['away']}"})
    refused(400, "INVALID_ARGUMENT", "key_conflict", "Two different credentials", lambda: generate(two))
    gate.records(1)


def test_a_model_that_the_body_names_otherwise(gate):
    ask = lambda: generate(client(gate, extra_body={"model": "gemini-2.5-pro"}))
    refused(400, "INVALID_ARGUMENT", "model_ambiguous", "the path names one and the body another", ask)
    gate.records(1)


def test_a_body_that_is_too_large(gate):
    ask = lambda: generate(client(gate), "x" * 300_000)
    refused(413, "INVALID_ARGUMENT", "body_too_large", "larger than this gateway takes", ask)
    gate.records(1)


# ---- what is tried again, counted in the gate's records ----


def test_a_429_of_the_provider_is_retried_where_the_sdk_is_told_to(gate):
    assert generate(client(gate, retry_options=RETRIES), "gemini standin:error=429:once").text
    assert [record["upstream_status"] for record in gate.records(2)] == [429, 200]


def test_a_500_of_the_provider_is_retried_to_the_end(gate):
    with pytest.raises(errors.ServerError) as raised:
        generate(client(gate, retry_options=RETRIES), "standin:error=500")
    assert raised.value.status == "INTERNAL"
    assert [record["status"] for record in gate.records(3)] == [500, 500, 500]


def test_a_stale_credential_of_the_gate_is_not_the_callers_fault(gate):
    # Google answers 400 to a wrong key, not 401.
    error = refused(
        502, "UNAVAILABLE", "upstream_credential_rejected", "It is not your key.", lambda: generate(client(gate, "stale"))
    )
    [record] = gate.records(1)
    assert (record["event"], record["credential"], record["upstream_status"]) == ("failed", "stale", 400)
    assert "sk-provider" not in json.dumps(record) + str(error)


def test_a_long_wait_is_told(gate):
    assert generate(client(gate, "hourly-gemini")).text
    ask = lambda: generate(client(gate, "hourly-gemini"))
    error = refused(429, "RESOURCE_EXHAUSTED", "rate_limited", "is over its request rate", ask)
    assert int(error.response.headers["retry-after"]) > 3500
    assert [record["event"] for record in gate.records(2)] == ["served", "denied"]


def test_a_short_wait_is_sat_out(gate):
    patient = types.HttpRetryOptions(attempts=2, initial_delay=1.1, jitter=0)
    limited = client(gate, "secondly-gemini", retry_options=patient)
    assert generate(limited).text and generate(limited).text
    assert [record["status"] for record in gate.records(3)] == [200, 429, 200]
