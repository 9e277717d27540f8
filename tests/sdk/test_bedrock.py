"""boto3 as a judge of the gate, and botocore (in bedrock.py, behind the gate) as a judge of its signatures."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.{MODEL}"
ASKS = [{"role": "user", "content": [{"text": "hello"}]}]


def of_bedrock(gate, monkeypatch, key="bedrock", upstream="bedrock"):
    """A client that shows a project key. Over https AWS_BEARER_TOKEN_BEDROCK does that; over http botocore shows
    no bearer key, so the client signs with keys of nobody, and the signature gives way to the key."""
    client = signing(f"{gate.url}/{upstream}", monkeypatch)

    def show(request, **_):
        request.headers["Authorization"] = f"Bearer {gate.keys.get(key, key)}"

    client.meta.events.register("before-send.bedrock-runtime", show)
    return client


def signing(url, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHECLIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "theirs")
    once = Config(retries={"total_max_attempts": 1})
    return boto3.client("bedrock-runtime", endpoint_url=url, region_name="eu-central-1", config=once)


def heard(answer):
    return json.loads(answer["output"]["message"]["content"][0]["text"])


@pytest.mark.parametrize(
    ("upstream", "signer"), [("bedrock", "AKIDJUDGE1"), ("bedrock-session", "ASIDJUDGE2")]
)
@pytest.mark.parametrize("model", [MODEL, ARN])
def test_converse_is_signed(gate, monkeypatch, upstream, signer, model):
    answer = of_bedrock(gate, monkeypatch, upstream=upstream).converse(modelId=model, messages=ASKS)
    assert heard(answer)["key"] == signer
    assert heard(answer)["model"] == model
    [record] = gate.records(1)
    assert (record["event"], record["upstream"], record["credential"]) == ("served", upstream, "signed")


@pytest.mark.parametrize("model", [MODEL, ARN])
def test_invoke_is_signed(gate, monkeypatch, model):
    # Not plain ASCII, and longer than one piece of a body.
    body = json.dumps({"prompt": "grüße " * 30_000}, ensure_ascii=False)
    answer = of_bedrock(gate, monkeypatch).invoke_model(modelId=model, body=body)
    said = json.loads(answer["body"].read())
    assert (said["model"], said["bytes"]) == (model, len(body.encode()))


def test_streams_are_signed(gate, monkeypatch):
    client = of_bedrock(gate, monkeypatch)
    events = list(client.converse_stream(modelId=MODEL, messages=ASKS)["stream"])
    assert [next(iter(event)) for event in events] == ["messageStart", "contentBlockDelta", "messageStop"]
    chunks = list(client.invoke_model_with_response_stream(modelId=MODEL, body="{}")["body"])
    assert json.loads(chunks[0]["chunk"]["bytes"])["model"] == MODEL


def test_a_signature_with_the_wrong_key_is_the_gates_trouble(gate, monkeypatch):
    with pytest.raises(ClientError) as raised:
        of_bedrock(gate, monkeypatch, upstream="bedrock-stale").converse(modelId=MODEL, messages=ASKS)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    [record] = gate.records(1)
    assert (record["reason"], record["cause"]) == ("upstream_credential_rejected", "bedrock_signature")


def test_another_model_is_refused_with_its_own_error(gate, monkeypatch):
    with pytest.raises(ClientError) as raised:
        of_bedrock(gate, monkeypatch).converse(modelId="amazon.nova-pro-v1:0", messages=ASKS)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    [record] = gate.records(1)
    assert record["reason"] == "model_not_allowed"


def test_a_client_without_a_project_key_is_refused(gate, monkeypatch):
    # Signed by the client with keys of AWS: that is no project key.
    with pytest.raises(ClientError) as raised:
        signing(gate.url, monkeypatch).converse(modelId=MODEL, messages=ASKS)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    gate.records(1)
