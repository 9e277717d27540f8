"""The SDKs of providers that speak OpenAI's language, by the upstream's name in front of their paths, as judges."""

import groq
import pytest
from conftest import arrivals
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

MODEL = "gpt-4o-mini"


def asks(text, model=MODEL):
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def of_groq(gate, key="others", **options):
    return groq.Groq(base_url=gate.url + "/groq", api_key=gate.keys.get(key, key), **options)


def of_mistral(gate, key="others"):
    return Mistral(server_url=gate.url + "/mistral", api_key=gate.keys.get(key, key))


def served_by(gate, upstream):
    [record] = gate.records(1)
    assert (record["event"], record["upstream"], record["endpoint"]) == ("served", upstream, "chat")
    assert (record["project"], record["model"]) == ("others", MODEL)


def test_groq_chats(gate):
    answer = of_groq(gate).chat.completions.create(**asks("hello"))
    assert answer.choices[0].message.content == "The stand-in heard “hello” and asked no model."
    served_by(gate, "groq")


def test_groq_streams(gate):
    chunks, took = arrivals(of_groq(gate).chat.completions.create(**asks("standin:tokens=30"), stream=True))
    assert len(chunks) >= 30
    assert took > 0.3
    served_by(gate, "groq")


def test_groq_is_refused_with_its_own_error(gate):
    with pytest.raises(groq.PermissionDeniedError) as raised:
        of_groq(gate, max_retries=3).chat.completions.create(**asks("hello", "llama-4"))
    assert raised.value.body["error"]["code"] == "model_not_allowed"
    [record] = gate.records(1)
    assert (record["reason"], record["rule"]) == ("model_not_allowed", "projects.others.models")


def test_groq_with_an_unknown_key(gate):
    with pytest.raises(groq.AuthenticationError) as raised:
        of_groq(gate, "unknown").models.list()
    assert raised.value.body["error"]["code"] == "key_unknown"


def test_groq_lists_only_the_models_it_may_use(gate):
    assert [model.id for model in of_groq(gate).models.list().data] == [MODEL, "text-embedding-3-small"]


def test_mistral_chats(gate):
    answer = of_mistral(gate).chat.complete(**asks("hello"))
    assert answer.choices[0].message.content == "The stand-in heard “hello” and asked no model."
    served_by(gate, "mistral")


def test_mistral_streams(gate):
    with of_mistral(gate).chat.stream(**asks("standin:tokens=30")) as stream:
        chunks, took = arrivals(stream)
    assert len(chunks) >= 30
    assert took > 0.3
    served_by(gate, "mistral")


def test_mistral_is_refused_with_its_own_error(gate):
    with pytest.raises(SDKError) as raised:
        of_mistral(gate).chat.complete(**asks("hello", "mistral-large-latest"))
    assert raised.value.status_code == 403
    assert "may not use model 'mistral-large-latest'" in raised.value.body
    [record] = gate.records(1)
    assert record["reason"] == "model_not_allowed"
