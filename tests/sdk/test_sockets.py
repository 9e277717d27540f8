"""Sessions over WebSockets: the websockets client, openai-python's Realtime and Responses, and google-genai's Live."""

import asyncio
import json
import os
import ssl

import openai
import pytest
import websockets
from google import genai
from google.genai import types
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect

REALTIME = "/openai/v1/realtime?model=gpt-realtime"


def socket(gate, target=REALTIME, key="talker", **options):
    headers = {"authorization": f"Bearer {gate.keys[key]}"} if key else {}
    return connect(gate.url.replace("http", "ws", 1) + target, additional_headers=headers, **options)


def client(gate, **options):
    return openai.OpenAI(base_url=gate.url + "/openai/v1", api_key=gate.keys["talker"], **options)


def session_of(gate):
    [record] = gate.records(1)
    return record


# ---- the plain client ----


def test_pings_big_messages_and_a_clean_close(gate):
    with socket(gate) as ws:
        assert json.loads(ws.recv())["session"]["model"] == "gpt-realtime"
        assert ws.ping(b"are you there").wait(5)
        # One in pieces, and one as large as a message may be.
        ws.send(['{"type":"input_', 'audio_buffer.append"', ',"audio":"AAAA"}'])
        assert json.loads(ws.recv())["said"] == "input_audio_buffer.append"
        ws.send(json.dumps({"type": "big", "audio": "A" * 200_000}))
        assert json.loads(ws.recv())["said"] == "big"
    assert ws.protocol.close_rcvd.code == 1000
    record = session_of(gate)
    assert (record["event"], record["status"], record["endpoint"]) == ("served", 101, "realtime.socket")
    assert (record["closed_by"], record["close_code"]) == ("client", 1000)
    assert (record["client_messages"], record["upstream_messages"]) == (2, 3)
    assert record["request_bytes"] > 200_000


def test_a_key_in_the_sub_protocol(gate):
    key = f"openai-insecure-api-key.{gate.keys['talker']}"
    with socket(gate, key=None, subprotocols=["realtime", key, "openai-beta.realtime-v1"]) as ws:
        assert ws.subprotocol == "realtime"
        assert json.loads(ws.recv())["type"] == "session.created"
    assert session_of(gate)["key_id"] == "talker"


def test_a_message_that_is_too_big_or_no_json(gate):
    for message, code in [("hello", 1007), (json.dumps({"audio": "A" * 300_000}), 1009)]:
        with socket(gate) as ws:
            ws.recv()
            ws.send(message)
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                ws.recv()
        assert closed.value.rcvd.code == code


def test_a_refusal_before_the_session_is_an_ordinary_one(gate):
    for target, key, reason in [
        ("/openai/v1/realtime?model=gpt-4o", "talker", "model_not_allowed"),
        (REALTIME, "embedder", "scope_missing"),
        (REALTIME, "away", "ip_not_allowed"),
        (REALTIME, "stale", "upstream_not_allowed"),
        ("/openai-stale/v1/realtime?model=gpt-4o-mini", "stale", "upstream_credential_rejected"),
    ]:
        with pytest.raises(websockets.InvalidStatus) as refused:
            socket(gate, target, key)
        assert refused.value.response.headers["x-portcullis-reason"] == reason
        assert json.loads(refused.value.response.body)["error"]["code"] == reason


def test_over_tls(gate):
    trusted = ssl.create_default_context(cafile=os.environ["GATE_CA"])
    url = os.environ["GATE_TLS"].replace("https", "wss", 1) + REALTIME
    headers = {"authorization": f"Bearer {gate.keys['talker']}"}

    async def talk():
        async with connect_async(url, ssl=trusted, additional_headers=headers) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
            await ws.send('{"type":"response.create"}')
            assert [json.loads(await ws.recv())["type"] for _ in range(4)][-1] == "response.done"

    # Not with threads: before Python 3.13 one that reads can lose what another writes at the same moment, over TLS.
    asyncio.run(talk())


# ---- openai-python ----


def test_realtime(gate):
    with client(gate).realtime.connect(model="gpt-realtime") as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "model": "gpt-realtime", "output_modalities": ["text"]})
        assert connection.recv().type == "session.updated"
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        )
        assert connection.recv().type == "conversation.item.created"
        connection.response.create()
        text = ""
        for event in connection:
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.done":
                break
    assert text == "The stand-in spoke and asked no model."
    record = session_of(gate)
    assert (record["event"], record["model"], record["upstream"]) == ("served", "gpt-realtime", "openai")


def test_realtime_with_another_model_is_closed(gate):
    with client(gate).realtime.connect(model="gpt-realtime") as connection:
        connection.recv()
        connection.session.update(session={"type": "realtime", "model": "gpt-4o"})
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            connection.recv()
    record = session_of(gate)
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason == f"model_not_allowed (request {record['request_id']})"
    assert (record["event"], record["reason"], record["closed_by"]) == ("denied", "model_not_allowed", "gate")
    assert record["client_messages"] == 0


def test_responses_over_a_socket(gate):
    with client(gate).responses.connect() as connection:
        connection.response.create(model="gpt-4o-mini", input="hello", store=False)
        kinds = []
        for event in connection:
            kinds.append(event.type)
            if event.type == "response.completed":
                break
        assert kinds == ["response.created", "response.output_text.delta", "response.completed"]
        connection.response.create(model="gpt-4o", input="hello")
        with pytest.raises(websockets.ConnectionClosedError):
            connection.recv()
    record = session_of(gate)
    assert (record["reason"], record["endpoint"]) == ("model_not_allowed", "responses.socket")


# ---- google-genai ----


def live(gate, model):
    async def talk():
        # It speaks TLS only, so this is the other gate, whose records are elsewhere.
        trusted = ssl.create_default_context(cafile=os.environ["GATE_CA"])
        options = types.HttpOptions(base_url=os.environ["GATE_TLS"], async_client_args={"ssl": trusted})
        talker = genai.Client(api_key=gate.keys["talker"], http_options=options)
        config = {"response_modalities": ["TEXT"]}
        async with talker.aio.live.connect(model=model, config=config) as session:
            await session.send_client_content(turns={"role": "user", "parts": [{"text": "hello"}]}, turn_complete=True)
            return "".join([message.text async for message in session.receive() if message.text])

    return asyncio.run(talk())


def test_gemini_live(gate):
    assert live(gate, "gemini-live") == "The stand-in spoke."


def test_gemini_live_with_another_model_is_closed(gate):
    with pytest.raises(Exception, match="model_not_allowed"):
        live(gate, "gemini-2.5-pro")
