"""anthropic-sdk-python as judge."""

import asyncio
import json

import anthropic
import pytest
from conftest import UPSTREAM_IDENTITY, arrivals

MODEL = "claude-haiku-4-5"


def client(gate, key="app", root="", **options):
    return anthropic.Anthropic(base_url=gate.url + root, api_key=gate.keys.get(key, key), **options)


def asks(text):
    return {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": text}]}


def message(client, text="hello"):
    return client.messages.create(**asks(text))


def refused(error_class, code, sentence, ask):
    """The error that `ask` raises, once it says what the table of refusals says."""
    with pytest.raises(error_class) as raised:
        ask()
    error = raised.value
    assert type(error) is error_class
    assert error.body["type"] == "error"
    assert error.body["error"]["details"]["error_code"] == code
    assert sentence in error.body["error"]["message"]
    assert error.response.headers["x-portcullis-reason"] == code
    assert error.request_id == error.body["request_id"]
    assert f"(request {error.request_id})" in str(error)
    return error


# ---- what is answered ----


def test_message(gate):
    answer = message(client(gate))
    assert answer.content[0].text == "The stand-in heard “hello” and asked no model."
    [record] = gate.records(1)
    assert answer._request_id == record["request_id"]
    assert (record["event"], record["endpoint"], record["upstream"]) == ("served", "messages", "anthropic")
    assert (record["model"], record["token_ceiling"]) == (MODEL, 1000)


def test_streamed_message_arrives_event_by_event(gate):
    events, took = arrivals(client(gate).messages.create(**asks("standin:tokens=30"), stream=True))
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    assert sum(event.type == "content_block_delta" for event in events) == 30
    assert took > 0.3
    assert gate.records(1)[0]["stream"] is True


def test_stream_helper(gate):
    with client(gate).messages.stream(**asks("standin:tokens=30")) as stream:
        texts, took = arrivals(stream.text_stream)
        whole = stream.get_final_message()
    assert len(texts) == 30 and took > 0.3
    assert whole.content[0].text == "".join(texts)
    assert whole.usage.output_tokens == 30


def test_async_message_and_stream(gate):
    async def both():
        async with anthropic.AsyncAnthropic(base_url=gate.url, api_key=gate.keys["app"]) as client:
            answer = await client.messages.create(**asks("hello"))
            async with client.messages.stream(**asks("standin:tokens=10")) as stream:
                return answer, [text async for text in stream.text_stream]

    answer, texts = asyncio.run(both())
    assert "hello" in answer.content[0].text
    assert len(texts) == 10


def test_count_tokens(gate):
    count = client(gate).messages.count_tokens(model=MODEL, messages=asks("one two three four")["messages"])
    assert count.input_tokens > 0
    assert gate.records(1)[0]["endpoint"] == "messages.count_tokens"


def test_models_list_shows_what_the_project_may_use(gate):
    page = client(gate).models.list(limit=20)
    assert [model.id for model in page] == [MODEL]
    assert (page.first_id, page.last_id, page.has_more) == (MODEL, MODEL, False)
    assert client(gate).models.retrieve(MODEL).id == MODEL


def test_beta_surface(gate):
    answer = client(gate).beta.messages.create(**asks("hello"), betas=["context-1m-2025-08-07"])
    assert "hello" in answer.content[0].text
    assert gate.records(1)[0]["upstream_status"] == 200


@pytest.mark.parametrize("root", ["/anthropic", "/anthropic/"])
def test_a_base_url_with_the_upstreams_name(gate, root):
    assert "hello" in message(client(gate, root=root)).content[0].text
    assert gate.records(1)[0]["path"] == "/anthropic/v1/messages"


def test_the_key_as_auth_token(gate):
    bearer = anthropic.Anthropic(base_url=gate.url, auth_token=gate.keys["app"])
    assert message(bearer).content


def test_the_key_in_x_api_key(gate):
    # Where the SDK put it up to version 1, and others still do.
    headers = {"x-api-key": gate.keys["app"], "Authorization": anthropic.Omit()}
    assert client(gate, "unused").messages.create(**asks("hello"), extra_headers=headers).content
    gate.records(1)


def test_headers_that_tell_whose_account_it_is_stay_behind(gate):
    raw = client(gate).messages.with_raw_response.create(**asks("hello"))
    assert not [name for name in UPSTREAM_IDENTITY if name in raw.headers]
    [record] = gate.records(1)
    assert raw.headers["request-id"] == record["request_id"]
    assert raw.headers["x-upstream-request-id"] == record["upstream_request_id"]


# ---- what is refused: the SDK's own class, our sentence, code and request id, and one attempt ----


@pytest.mark.parametrize(
    "key, code, sentence",
    [
        ("sk-ant-api03-0123456789", "provider_key_sent", "looks like a key of Anthropic"),
        ("pcl_app_short", "key_malformed", "as if cut off or pasted twice"),
        ("unknown", "key_unknown", "This project key is not known here."),
    ],
)
def test_keys_that_are_none(gate, key, code, sentence):
    error = refused(anthropic.AuthenticationError, code, sentence, lambda: message(client(gate, key)))
    [record] = gate.records(1)
    assert (record["event"], record["reason"], record["request_id"]) == ("denied", code, error.request_id)


def test_no_key(gate):
    ask = lambda: client(gate).messages.create(**asks("hi"), extra_headers={"Authorization": anthropic.Omit()})
    refused(anthropic.AuthenticationError, "key_missing", "No project key was sent.", ask)
    gate.records(1)


@pytest.mark.parametrize(
    "key, code, sentence",
    [
        ("expired", "key_expired", "Project key 'expired' has expired."),
        ("revoked", "key_revoked", "Project key 'revoked' was revoked."),
        ("away", "ip_not_allowed", "Requests from address 127.0.0.1 are not allowed here."),
        ("embedder", "scope_missing", "lacks the scope 'chat' for POST /v1/messages"),
        ("azure", "upstream_not_allowed", "Project 'azure' may not use this provider."),
    ],
)
def test_keys_that_may_not(gate, key, code, sentence):
    error = refused(anthropic.PermissionDeniedError, code, sentence, lambda: message(client(gate, key)))
    assert error.type == "permission_error"
    [record] = gate.records(1)
    assert (record["reason"], record["request_id"]) == (code, error.request_id)


def test_a_model_that_is_not_allowed(gate):
    ask = lambda: client(gate).messages.create(**asks("hi") | {"model": "claude-opus-4-1"})
    refused(anthropic.PermissionDeniedError, "model_not_allowed", "may not use model 'claude-opus-4-1'", ask)
    gate.records(1)


def test_a_stream_is_refused_like_anything_else(gate):
    def ask():
        with client(gate, "expired").messages.stream(**asks("hi")) as stream:
            stream.until_done()

    refused(anthropic.PermissionDeniedError, "key_expired", "has expired", ask)
    gate.records(1)


def test_a_doubled_prefix_is_named(gate):
    ask = lambda: message(client(gate, root="/v1"))
    refused(anthropic.NotFoundError, "endpoint_unknown", "The prefix /v1 is doubled", ask)
    gate.records(1)


def test_two_different_credentials(gate):
    two = client(gate, default_headers={"X-Api-Key": gate.keys["away"]})
    refused(anthropic.BadRequestError, "key_conflict", "in authorization and ", lambda: message(two))
    gate.records(1)


def test_the_same_credential_twice(gate):
    assert message(client(gate, default_headers={"X-Api-Key": gate.keys["app"]})).content


def test_a_missing_model(gate):
    body = {"max_tokens": 9, "messages": asks("hi")["messages"]}
    ask = lambda: client(gate).post("/v1/messages", cast_to=object, body=body)
    refused(anthropic.BadRequestError, "model_missing", "The request names no model.", ask)
    gate.records(1)


def test_a_model_in_a_look_alike_field(gate):
    ask = lambda: client(gate).messages.create(**asks("hi"), extra_body={"MODEL": "claude-opus-4-1"})
    refused(anthropic.BadRequestError, "model_ambiguous", "names its model in two ways", ask)
    gate.records(1)


def test_a_body_that_is_too_large(gate):
    ask = lambda: message(client(gate), "x" * 300_000)
    error = refused(anthropic.ContentTooLargeError, "body_too_large", "larger than this gateway takes", ask)
    assert error.type == "request_too_large"
    gate.records(1)


# ---- what is tried again, counted in the gate's records ----


def test_a_429_of_the_provider_is_retried(gate):
    assert message(client(gate), "anthropic standin:error=429:once").content
    assert [record["upstream_status"] for record in gate.records(2)] == [429, 200]


def test_a_500_of_the_provider_is_retried_to_the_end(gate):
    with pytest.raises(anthropic.InternalServerError):
        message(client(gate), "standin:error=500")
    assert [record["status"] for record in gate.records(3)] == [500, 500, 500]


def test_an_overload_is_retried_and_then_said_as_such(gate):
    with pytest.raises(anthropic.OverloadedError):
        message(client(gate), "standin:error=529")
    assert [record["status"] for record in gate.records(3)] == [529, 529, 529]


def test_a_stale_credential_of_the_gate_is_not_the_callers_fault(gate):
    ask = lambda: message(client(gate, "stale"))
    error = refused(anthropic.InternalServerError, "upstream_credential_rejected", "It is not your key.", ask)
    assert error.status_code == 502
    [record] = gate.records(1)
    assert (record["event"], record["credential"], record["upstream_status"]) == ("failed", "stale", 401)
    assert "sk-provider" not in json.dumps(record) + str(error)


def test_a_long_wait_is_not_sat_out(gate):
    assert message(client(gate, "hourly-anthropic")).content
    ask = lambda: message(client(gate, "hourly-anthropic"))
    error = refused(anthropic.RateLimitError, "rate_limited", "is over its request rate", ask)
    assert int(error.response.headers["retry-after"]) > 3500
    assert [record["event"] for record in gate.records(2)] == ["served", "denied"]


def test_a_short_wait_is_sat_out(gate):
    limited = client(gate, "secondly-anthropic")
    assert message(limited).content and message(limited).content
    assert [record["status"] for record in gate.records(3)] == [200, 429, 200]
