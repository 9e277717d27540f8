"""Cohere's SDK as judge: its second API under the gate's own address."""

import cohere
import pytest
from cohere.errors import ForbiddenError, NotFoundError, TooManyRequestsError, UnauthorizedError
from conftest import arrivals

MODEL = "command-a-03-2025"


def client(gate, key="cohere", root=""):
    return cohere.ClientV2(api_key=gate.keys.get(key, key), base_url=gate.url + root)


def asks(text, model=MODEL):
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def refused(error_class, code, sentence, ask):
    with pytest.raises(error_class) as raised:
        ask()
    error = raised.value
    assert type(error) is error_class
    assert sentence in error.body["message"]
    assert error.headers["x-portcullis-reason"] == code
    assert f"(request {error.headers['x-request-id']})" in error.body["message"]


@pytest.mark.parametrize("root", ["", "/cohere"])
def test_chat(gate, root):
    answer = client(gate, root=root).chat(**asks("hello"))
    assert answer.message.content[0].text == "The stand-in heard “hello” and asked no model."
    assert (answer.finish_reason, answer.usage.tokens.output_tokens) == ("COMPLETE", 8)
    [record] = gate.records(1)
    assert (record["event"], record["endpoint"], record["upstream"]) == ("served", "chat", "cohere")
    assert (record["path"], record["model"]) == (root + "/v2/chat", MODEL)


def test_streamed_chat_arrives_event_by_event(gate):
    events, took = arrivals(client(gate).chat_stream(**asks("standin:tokens=30")))
    assert [events[0].type, events[1].type, events[-1].type] == ["message-start", "content-start", "message-end"]
    assert len([event for event in events if event.type == "content-delta"]) == 30
    assert events[-1].delta.usage.tokens.output_tokens == 30
    assert took > 0.3
    assert gate.records(1)[0]["stream"] is True


def test_embed(gate):
    answer = client(gate).embed(
        model="embed-v4.0", texts=["one", "two"], input_type="search_document", embedding_types=["float"]
    )
    assert [len(vector) for vector in answer.embeddings.float_] == [1536, 1536]
    assert gate.records(1)[0]["scope"] == "embeddings"


def test_rerank(gate):
    documents = ["a gate", "the key of the gate", "a bridge"]
    answer = client(gate).rerank(model="rerank-v3.5", query="key of a gate", documents=documents, top_n=2)
    assert [result.index for result in answer.results] == [1, 0]
    [record] = gate.records(1)
    assert (record["scope"], record["model"]) == ("rerank", "rerank-v3.5")


def test_a_model_that_is_not_allowed(gate):
    ask = lambda: client(gate).chat(**asks("hello", "command-r7b-12-2024"))
    refused(ForbiddenError, "model_not_allowed", "may not use model 'command-r7b-12-2024'", ask)
    gate.records(1)


def test_a_scope_that_is_missing(gate):
    ask = lambda: client(gate, "reader").rerank(model="rerank-v3.5", query="a", documents=["b"])
    # What the project may not use at all is said first: it learns nothing of the endpoint.
    refused(ForbiddenError, "upstream_not_allowed", "Project 'reader' may not use this provider.", ask)
    ask = lambda: client(gate, "cohere-chat").rerank(model="rerank-v3.5", query="a", documents=["b"])
    refused(ForbiddenError, "scope_missing", "lacks the scope 'rerank' for POST /v2/rerank", ask)
    gate.records(2)


def test_a_stream_is_refused_like_anything_else(gate):
    ask = lambda: list(client(gate, "cohere-chat").chat_stream(**asks("hello", "command-r7b-12-2024")))
    refused(ForbiddenError, "model_not_allowed", "may not use model", ask)


@pytest.mark.parametrize("root", ["", "/cohere"])
@pytest.mark.parametrize("key, code", [("unknown", "key_unknown"), ("co_0123456789", "key_malformed")])
def test_keys_that_are_none(gate, key, code, root):
    refused(UnauthorizedError, code, "key", lambda: client(gate, key, root).chat(**asks("hello")))


def test_a_refusal_of_the_provider_is_passed_on(gate):
    with pytest.raises(TooManyRequestsError) as raised:
        client(gate).chat(**asks("standin:error=429"), request_options={"max_retries": 0})
    assert raised.value.body["message"] == "too many requests, try again later"
    with pytest.raises(NotFoundError):
        client(gate).chat(**asks("hello", "command-a-nightly"))
    assert [record["upstream_status"] for record in gate.records(2)] == [429, 404]
