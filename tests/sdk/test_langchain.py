"""LangChain's clients of OpenAI and Anthropic as judges."""

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

SAID = "The stand-in heard “hello” and asked no model."


def of_openai(gate, key="app", model="gpt-4o-mini", **options):
    return ChatOpenAI(model=model, base_url=gate.url + "/v1", api_key=gate.keys[key], **options)


def of_anthropic(gate, key="app", model="claude-haiku-4-5", **options):
    return ChatAnthropic(model=model, base_url=gate.url, api_key=gate.keys[key], **options)


@pytest.mark.parametrize(
    "made, upstream, endpoint",
    [
        (of_openai, "openai", "chat"),
        (lambda gate: of_openai(gate, use_responses_api=True), "openai", "responses"),
        (of_anthropic, "anthropic", "messages"),
    ],
)
def test_invoke_and_stream(gate, made, upstream, endpoint):
    assert made(gate).invoke("hello").text == SAID
    assert "".join(chunk.text for chunk in made(gate).stream("hello")) == SAID
    records = gate.records(2)
    assert {(record["event"], record["upstream"], record["endpoint"]) for record in records} == {
        ("served", upstream, endpoint)
    }
    assert records[1]["stream"] is True


def test_embeddings(gate):
    # Its own splitting of texts would fetch a vocabulary from elsewhere.
    options = {"base_url": gate.url + "/v1", "api_key": gate.keys["app"], "check_embedding_ctx_length": False}
    assert len(OpenAIEmbeddings(model="text-embedding-3-small", **options).embed_query("hello")) == 1536
    assert gate.records(1)[0]["endpoint"] == "embeddings"


@pytest.mark.parametrize(
    "key, model, code, sentence",
    [
        ("embedder", "gpt-4o-mini", "scope_missing", "lacks the scope 'chat' for POST /v1/chat/completions"),
        ("app", "gpt-4o", "model_not_allowed", "may not use model 'gpt-4o'"),
    ],
)
def test_openai_is_refused(gate, key, model, code, sentence):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        of_openai(gate, key, model).invoke("hello")
    assert raised.value.code == code
    assert sentence in str(raised.value)
    gate.records(1)


@pytest.mark.parametrize(
    "key, model, sentence",
    [
        ("embedder", "claude-haiku-4-5", "lacks the scope 'chat' for POST /v1/messages"),
        ("app", "claude-opus-4-1", "may not use model 'claude-opus-4-1'"),
    ],
)
def test_anthropic_is_refused(gate, key, model, sentence):
    with pytest.raises(anthropic.PermissionDeniedError) as raised:
        of_anthropic(gate, key, model).invoke("hello")
    assert sentence in str(raised.value)
    gate.records(1)
