"""openai-python as judge."""

import asyncio
import json
import os
import ssl

import httpx
import openai
import pytest
from conftest import UPSTREAM_IDENTITY, arrivals, async_arrivals

MODEL = "gpt-4o-mini"


def client(gate, key="app", root="/v1", **options):
    return openai.OpenAI(base_url=gate.url + root, api_key=gate.keys.get(key, key), **options)


def asks(text):
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


def chat(client, text="hello"):
    return client.chat.completions.create(**asks(text))


def refused(error_class, code, sentence, ask):
    """The error that `ask` raises, once it says what the table of refusals says."""
    with pytest.raises(error_class) as raised:
        ask()
    error = raised.value
    assert type(error) is error_class
    assert error.code == code
    assert sentence in error.body["message"]
    assert error.response.headers["x-portcullis-reason"] == code
    assert error.request_id.startswith("req_")
    assert f"(request {error.request_id})" in str(error)
    return error


# ---- what is answered ----


def test_chat(gate):
    answer = chat(client(gate))
    assert answer.choices[0].message.content == "The stand-in heard “hello” and asked no model."
    [record] = gate.records(1)
    assert answer._request_id == record["request_id"]
    assert (record["event"], record["project"], record["key_id"]) == ("served", "app", "app")
    assert (record["endpoint"], record["model"], record["upstream"]) == ("chat", MODEL, "openai")


def test_chat_over_tls(gate):
    secured = client(gate, http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=os.environ["GATE_CA"])))
    secured.base_url = os.environ["GATE_TLS"] + "/v1"
    assert chat(secured).choices[0].message.content == "The stand-in heard “hello” and asked no model."
    with secured.chat.completions.create(**asks("standin:tokens=10"), stream=True) as stream:
        assert len(list(stream)) == 12
    # The certificate is nobody's whom this machine trusts.
    strange = client(gate, max_retries=0)
    strange.base_url = secured.base_url
    with pytest.raises(openai.APIConnectionError):
        chat(strange)


@pytest.mark.parametrize("secured", [False, True])
def test_over_http2(gate, secured):
    trusted = ssl.create_default_context(cafile=os.environ["GATE_CA"])
    over = httpx.Client(http2=True, http1=False, verify=trusted, timeout=10)
    sdk = client(gate, http_client=over, max_retries=0)
    if secured:
        sdk.base_url = os.environ["GATE_TLS"] + "/v1"
    answer = sdk.chat.completions.with_raw_response.create(**asks("hello"))
    assert answer.http_response.http_version == "HTTP/2"
    assert answer.parse().choices[0].message.content == "The stand-in heard “hello” and asked no model."
    with sdk.chat.completions.create(**asks("standin:tokens=10"), stream=True) as stream:
        assert len(list(stream)) == 12
    # Larger than what may be sent ahead; and the end of the body comes by itself.
    file = sdk.files.create(file=("a.txt", b"x" * 3_000_000), purpose="assistants")
    assert file.bytes == 3_000_000
    refused(
        openai.AuthenticationError,
        "key_malformed",
        "is not a project key",
        lambda: chat(sdk.with_options(api_key="wrong")),
    )


def test_streamed_chat_arrives_event_by_event(gate):
    ask = asks("standin:tokens=30")
    with client(gate).chat.completions.create(**ask, stream=True) as stream:
        chunks, took = arrivals(stream)
    assert len(chunks) == 32
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert took > 0.3
    [record] = gate.records(1)
    assert record["stream"] is True
    assert record["first_byte_us"] < record["latency_us"] / 2


def test_streamed_usage(gate):
    stream = client(gate).chat.completions.create(**asks("hello"), stream=True, stream_options={"include_usage": True})
    *_, last = stream
    assert last.usage.total_tokens > 0


def test_async_chat_and_stream(gate):
    async def both():
        async with openai.AsyncOpenAI(base_url=gate.url + "/v1", api_key=gate.keys["app"]) as client:
            answer = await client.chat.completions.create(**asks("hello"))
            stream = await client.chat.completions.create(**asks("standin:tokens=30"), stream=True)
            return answer, *await async_arrivals(stream)

    answer, chunks, took = asyncio.run(both())
    assert "hello" in answer.choices[0].message.content
    assert len(chunks) == 32 and took > 0.3


def test_many_at_once_each_get_their_own_answer(gate):
    async def many():
        async with openai.AsyncOpenAI(base_url=gate.url + "/v1", api_key=gate.keys["app"]) as client:
            return await asyncio.gather(*(client.chat.completions.create(**asks(f"number{n}")) for n in range(40)))

    for number, answer in enumerate(asyncio.run(many())):
        assert f"“number{number}”" in answer.choices[0].message.content
    gate.records(40)


def test_a_stream_that_is_left_is_abandoned(gate):
    stream = client(gate).chat.completions.create(**asks("standin:tokens=500"), stream=True)
    next(iter(stream))
    stream.close()
    [record] = gate.records(1)
    assert record["event"] == "abandoned"


def test_responses(gate):
    answer = client(gate).responses.create(model=MODEL, input="hello")
    assert answer.output_text == "The stand-in heard “hello” and asked no model."
    assert gate.records(1)[0]["endpoint"] == "responses"


def test_streamed_responses(gate):
    events, took = arrivals(client(gate).responses.create(model=MODEL, input="standin:tokens=30", stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert sum(event.type == "response.output_text.delta" for event in events) == 30
    assert took > 0.3


def test_embeddings_in_the_default_base64(gate):
    answer = client(gate).embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [len(item.embedding) for item in answer.data] == [1536, 1536]
    assert all(isinstance(number, float) for number in answer.data[0].embedding[:9])


def test_embeddings_as_floats_with_dimensions(gate):
    small = {"model": "text-embedding-3-small", "input": "one", "dimensions": 64}
    floats = client(gate).embeddings.create(**small, encoding_format="float").data[0].embedding
    base64 = client(gate).embeddings.create(**small).data[0].embedding
    assert len(floats) == 64
    assert floats == pytest.approx(base64, abs=1e-6)


def test_models_list_shows_what_the_project_may_use(gate):
    assert {model.id for model in client(gate).models.list()} == {MODEL, "text-embedding-3-small"}
    assert client(gate).models.retrieve(MODEL).id == MODEL


def test_a_base_url_with_the_upstreams_name(gate):
    assert "hello" in chat(client(gate, root="/openai/v1")).choices[0].message.content
    assert {model.id for model in client(gate, root="/openai/v1").models.list()} == {MODEL, "text-embedding-3-small"}
    assert {record["upstream"] for record in gate.records(2)} == {"openai"}


def test_headers_that_tell_whose_account_it_is_stay_behind(gate):
    raw = client(gate).chat.completions.with_raw_response.create(**asks("hello"))
    assert not [name for name in UPSTREAM_IDENTITY if name in raw.headers]
    [record] = gate.records(1)
    assert raw.headers["x-request-id"] == record["request_id"]
    assert raw.headers["x-upstream-request-id"] == record["upstream_request_id"]


def test_the_providers_own_error_is_passed_on(gate):
    with pytest.raises(openai.BadRequestError) as raised:
        client(gate).embeddings.create(model="text-embedding-3-small", input="one", dimensions=9999)
    assert "x-portcullis-reason" not in raised.value.response.headers
    [record] = gate.records(1)
    assert (record["event"], record["status"], record["upstream_status"]) == ("served", 400, 400)
    assert raised.value.request_id == record["request_id"]


# ---- Azure ----


def azure(gate, key="azure", **options):
    return openai.AzureOpenAI(
        azure_endpoint=gate.url, api_key=gate.keys.get(key, key), api_version="2024-10-21", **options
    )


def azure_chat(client, deployment="prod-4o", text="hello", **options):
    return client.chat.completions.create(model=deployment, messages=asks(text)["messages"], **options)


def test_azure_deployment(gate):
    assert "hello" in azure_chat(azure(gate)).choices[0].message.content
    [record] = gate.records(1)
    assert record["path"] == "/openai/deployments/prod-4o/chat/completions"
    assert (record["model"], record["upstream"]) == ("prod-4o", "azure")


def test_azure_by_its_v1_path(gate):
    answer = client(gate, "azure", "/azure/v1").chat.completions.create(
        model="gpt-4o-mini", messages=asks("hello")["messages"]
    )
    assert "hello" in answer.choices[0].message.content
    [record] = gate.records(1)
    assert record["upstream"] == "azure"


def test_azure_stream(gate):
    chunks, took = arrivals(azure_chat(azure(gate), text="standin:tokens=30", stream=True))
    assert len(chunks) == 32 and took > 0.3


def test_azure_identity_stays_behind(gate):
    raw = azure(gate).chat.completions.with_raw_response.create(model="prod-4o", messages=asks("hello")["messages"])
    assert not [name for name in UPSTREAM_IDENTITY if name in raw.headers]


def test_azure_refusals(gate):
    refused(openai.AuthenticationError, "key_malformed", "pcl_", lambda: azure_chat(azure(gate, "0123456789abcdef")))
    other = lambda: azure_chat(azure(gate), "prod-other")
    refused(openai.PermissionDeniedError, "model_not_allowed", "may not use model 'prod-other'", other)
    gate.records(2)


def test_azure_retries_a_429(gate):
    assert "once" in azure_chat(azure(gate), text="azure standin:error=429:once").choices[0].message.content
    assert [record["status"] for record in gate.records(2)] == [429, 200]


# ---- what the provider stores ----


STORED = [("files", "files:read"), ("batches", "batches:read"), ("vector_stores", "vector_stores:read")]


@pytest.mark.parametrize("of, scope", STORED)
def test_stored_things_are_listed_by_who_holds_the_scope(gate, of, scope):
    listed = lambda key: getattr(client(gate, key), of).list().data
    assert listed("app") == []
    refused(openai.PermissionDeniedError, "scope_missing", f"lacks the scope '{scope}'", lambda: listed("embedder"))
    served, denied = gate.records(2)
    assert (served["event"], served["endpoint"], served["scope"]) == ("served", f"{of}.list", scope)
    assert (denied["rule"], denied["method"]) == ("projects.embedder.scopes", "GET")


def test_reading_is_not_writing(gate):
    ask = lambda: client(gate, "stored").files.delete("file-1")
    refused(openai.PermissionDeniedError, "scope_missing", "lacks the scope 'files:write' for DELETE /v1/files/file-1", ask)
    gate.records(1)


def test_a_list_that_several_upstreams_have_names_none(gate):
    # What is stored is at one provider, and of these two only a request that names a model would say which.
    ask = lambda: client(gate, "two").files.list()
    refused(openai.BadRequestError, "upstream_ambiguous", "Name one in the path: /UPSTREAM/v1/files.", ask)
    assert client(gate, "two", "/openai/v1").files.list().data == []
    gate.records(2)


# ---- what is refused: the SDK's own class, our sentence, code and request id, and one attempt ----


@pytest.mark.parametrize(
    "key, code, sentence",
    [
        ("sk-proj-0123456789", "provider_key_sent", "looks like a key of OpenAI"),
        ("pcl_app_short", "key_malformed", "as if cut off or pasted twice"),
        ("unknown", "key_unknown", "This project key is not known here."),
    ],
)
def test_keys_that_are_none(gate, key, code, sentence):
    error = refused(openai.AuthenticationError, code, sentence, lambda: chat(client(gate, key)))
    [record] = gate.records(1)
    assert (record["event"], record["reason"], record["request_id"]) == ("denied", code, error.request_id)


def test_a_key_with_a_changed_character(gate):
    key = gate.keys["app"]
    key = key[:-9] + ("x" if key[-9] != "x" else "y") + key[-8:]
    refused(openai.AuthenticationError, "key_malformed", "checksum does not fit", lambda: chat(client(gate, key)))
    gate.records(1)


def test_no_key(gate):
    ask = lambda: client(gate).chat.completions.create(**asks("hi"), extra_headers={"Authorization": openai.Omit()})
    refused(openai.AuthenticationError, "key_missing", "No project key was sent.", ask)
    gate.records(1)


@pytest.mark.parametrize(
    "key, code, sentence",
    [
        ("expired", "key_expired", "Project key 'expired' has expired."),
        ("revoked", "key_revoked", "Project key 'revoked' was revoked."),
        ("future", "key_not_yet_valid", "Project key 'future' is not valid yet."),
        ("away", "ip_not_allowed", "Requests from address 127.0.0.1 are not allowed here."),
        ("embedder", "scope_missing", "lacks the scope 'chat' for POST /v1/chat/completions"),
        ("azure", "upstream_not_allowed", "Project 'azure' may not use this provider."),
    ],
)
def test_keys_that_may_not(gate, key, code, sentence):
    ask = lambda: client(gate, key, root="/openai/v1" if key == "azure" else "/v1").chat.completions.create(**asks("hi"))
    error = refused(openai.PermissionDeniedError, code, sentence, ask)
    [record] = gate.records(1)
    assert (record["reason"], record["request_id"]) == (code, error.request_id)


def test_a_model_that_is_not_allowed(gate):
    ask = lambda: client(gate).chat.completions.create(model="gpt-4o", messages=asks("hi")["messages"])
    error = refused(openai.PermissionDeniedError, "model_not_allowed", "Project 'app' may not use model 'gpt-4o'.", ask)
    assert error.param == "model"
    ask = lambda: client(gate).models.retrieve("gpt-4o")
    refused(openai.PermissionDeniedError, "model_not_allowed", "may not use model 'gpt-4o'", ask)
    gate.records(2)


def test_a_stream_is_refused_like_anything_else(gate):
    ask = lambda: client(gate, "embedder").chat.completions.create(**asks("hi"), stream=True)
    refused(openai.PermissionDeniedError, "scope_missing", "lacks the scope 'chat'", ask)
    gate.records(1)


def test_an_async_client_is_refused_like_any_other(gate):
    async def ask():
        async with openai.AsyncOpenAI(base_url=gate.url + "/v1", api_key=gate.keys["expired"]) as client:
            await client.chat.completions.create(**asks("hi"))

    refused(openai.PermissionDeniedError, "key_expired", "has expired", lambda: asyncio.run(ask()))
    gate.records(1)


@pytest.mark.parametrize(
    "root, advice",
    [
        ("/v1/v1", "The prefix /v1 is doubled: take one /v1 off the end of base_url."),
        ("/openai/v1/v1", "The prefix /v1 is doubled: take one /v1 off the end of base_url."),
        ("", "The prefix /v1 is missing: end base_url with /v1."),
    ],
)
def test_a_wrong_base_url_is_named(gate, root, advice):
    refused(openai.NotFoundError, "endpoint_unknown", advice, lambda: chat(client(gate, root=root)))
    gate.records(1)


def test_two_different_credentials(gate):
    two = client(gate, default_headers={"api-key": gate.keys["away"]})
    refused(openai.BadRequestError, "key_conflict", "in authorization and api-key", lambda: chat(two))
    gate.records(1)


def test_the_same_credential_twice(gate):
    assert chat(client(gate, default_headers={"api-key": gate.keys["app"]})).choices
    gate.records(1)


def test_a_missing_model(gate):
    ask = lambda: client(gate).post("/chat/completions", cast_to=object, body={"messages": asks("hi")["messages"]})
    error = refused(openai.BadRequestError, "model_missing", "The request names no model.", ask)
    assert error.param == "model"
    gate.records(1)


def test_a_model_that_is_named_twice(gate):
    body = b'{"model":"gpt-4o-mini","messages":[],"model":"gpt-4o"}'
    headers = {"Authorization": f"Bearer {gate.keys['app']}", "Content-Type": "application/json"}
    response, answer = gate.request("POST", "/v1/chat/completions", body, headers)
    assert (response.status, answer["error"]["code"]) == (400, "model_ambiguous")
    assert answer["error"]["param"] == "model"
    assert gate.records(1)[0]["reason"] == "model_ambiguous"


def test_a_model_in_a_look_alike_field(gate):
    ask = lambda: client(gate).chat.completions.create(**asks("hi"), extra_body={"Model": "gpt-4o"})
    refused(openai.BadRequestError, "model_ambiguous", "names its model in two ways", ask)
    gate.records(1)


def test_a_body_that_is_too_large(gate):
    ask = lambda: chat(client(gate), "x" * 300_000)
    error = refused(openai.APIStatusError, "body_too_large", "larger than this gateway takes", ask)
    assert error.status_code == 413
    gate.records(1)


def test_a_parameter_out_of_the_query_list(gate):
    ask = lambda: client(gate, default_query={"api-version": "2024"}).models.list()
    refused(openai.BadRequestError, "query_not_allowed", "query parameter", ask)
    gate.records(1)


def test_a_field_that_names_other_models(gate):
    ask = lambda: client(gate).chat.completions.create(**asks("hello"), extra_body={"models": ["x"]})
    refused(openai.PermissionDeniedError, "parameter_not_allowed", "'models'", ask)
    gate.records(1)


# ---- what is tried again, counted in the gate's records ----


def test_a_429_of_the_provider_is_retried(gate):
    assert chat(client(gate), "openai standin:error=429:once").choices
    assert [record["upstream_status"] for record in gate.records(2)] == [429, 200]


def test_a_500_of_the_provider_is_retried_to_the_end(gate):
    with pytest.raises(openai.InternalServerError) as raised:
        chat(client(gate), "standin:error=500")
    records = gate.records(3)
    assert [record["status"] for record in records] == [500, 500, 500]
    assert raised.value.request_id == records[-1]["request_id"]


def test_a_stale_credential_of_the_gate_is_not_the_callers_fault(gate):
    ask = lambda: chat(client(gate, "stale"))
    error = refused(openai.InternalServerError, "upstream_credential_rejected", "It is not your key.", ask)
    assert error.status_code == 502
    assert error.response.headers["x-should-retry"] == "false"
    [record] = gate.records(1)
    assert (record["event"], record["credential"], record["upstream_status"]) == ("failed", "stale", 401)
    assert "sk-provider" not in json.dumps(record) + str(error)


def test_a_long_wait_is_not_sat_out(gate):
    assert chat(client(gate, "hourly-openai")).choices
    ask = lambda: chat(client(gate, "hourly-openai"))
    error = refused(openai.RateLimitError, "rate_limited", "is over its request rate", ask)
    assert int(error.response.headers["retry-after"]) > 3500
    assert error.response.headers["x-should-retry"] == "false"
    assert [record["event"] for record in gate.records(2)] == ["served", "denied"]


def test_a_short_wait_is_sat_out(gate):
    limited = client(gate, "secondly-openai")
    assert chat(limited).choices and chat(limited).choices
    assert [record["status"] for record in gate.records(3)] == [200, 429, 200]


def test_a_provider_that_breaks_off_is_an_error_of_the_sdk(gate):
    with pytest.raises(openai.APIConnectionError):
        list(client(gate, max_retries=0).chat.completions.create(**asks("standin:cut standin:tokens=20"), stream=True))
    assert gate.records(1)[0]["event"] == "cut"
