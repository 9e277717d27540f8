"""LiteLLM as judge, in each dialect that it speaks to the gate."""

import os

# It would ask elsewhere for the models' prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import openai
import pytest

ROWS = [
    ("openai/gpt-4o-mini", "/v1", "app", "openai"),
    ("anthropic/claude-haiku-4-5", "", "app", "anthropic"),
    ("gemini/gemini-2.5-flash", "/v1beta", "app", "gemini"),
    ("groq/gpt-4o-mini", "/groq/openai/v1", "others", "groq"),
    ("mistral/gpt-4o-mini", "/mistral/v1", "others", "mistral"),
]


def complete(gate, model, root, key, text="hello", **options):
    messages = [{"role": "user", "content": text}]
    base = gate.url + root
    return litellm.completion(
        model=model, api_base=base, api_key=gate.keys[key], messages=messages, num_retries=0, **options
    )


@pytest.mark.parametrize("model, root, key, upstream", ROWS)
def test_complete_and_stream(gate, model, root, key, upstream):
    said = "The stand-in heard “hello” and asked no model."
    assert complete(gate, model, root, key).choices[0].message.content == said
    chunks = complete(gate, model, root, key, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == said
    assert [(record["event"], record["upstream"]) for record in gate.records(2)] == [("served", upstream)] * 2


@pytest.mark.parametrize(
    "model, root",
    [("openai/gpt-4o", "/v1"), ("anthropic/claude-opus-4-1", ""), ("gemini/gemini-2.5-pro", "/v1beta")],
)
def test_a_model_that_is_not_allowed(gate, model, root):
    with pytest.raises(openai.APIError) as raised:
        complete(gate, model, root, "app")
    assert type(raised.value).__module__ == "litellm.exceptions"
    assert f"may not use model '{model.split('/')[1]}'" in str(raised.value)
    assert gate.records(1)[0]["reason"] == "model_not_allowed"


def test_a_scope_that_is_missing(gate):
    with pytest.raises(openai.APIError) as raised:
        complete(gate, "openai/gpt-4o-mini", "/v1", "embedder")
    assert "lacks the scope 'chat' for POST /v1/chat/completions" in str(raised.value)
    assert gate.records(1)[0]["reason"] == "scope_missing"


def test_a_gemini_base_without_its_version_is_told(gate):
    with pytest.raises(litellm.exceptions.NotFoundError) as raised:
        complete(gate, "gemini/gemini-2.5-flash", "", "app")
    assert "The prefix /v1beta is missing: end base_url with /v1beta." in str(raised.value)
