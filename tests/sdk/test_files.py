"""Forms, files and batches, with the SDKs of OpenAI, Anthropic and Google as judges."""

import io
import json

import openai
import pytest
import test_anthropic
import test_google_genai
import test_openai


def line(model):
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"


def refused(code, ask):
    with pytest.raises(openai.APIStatusError) as raised:
        ask()
    assert raised.value.code == code
    return raised.value


def test_a_transcription(gate):
    sdk = test_openai.client(gate)
    audio = ("a.mp3", b"\0" * 3_000_000, "audio/mpeg")
    answer = sdk.audio.transcriptions.create(model="whisper-1", file=audio)
    assert answer.text == "The stand-in heard 3000000 bytes."
    [record] = gate.records(1)
    assert (record["endpoint"], record["model"]) == ("audio.transcriptions", "whisper-1")
    assert record["request_bytes"] > 3_000_000


def test_a_transcription_with_another_model(gate):
    sdk = test_openai.client(gate, max_retries=0)
    audio = ("a.mp3", b"\0" * 3_000_000, "audio/mpeg")
    error = refused(
        "model_not_allowed", lambda: sdk.audio.transcriptions.create(model="gpt-4o-transcribe", file=audio)
    )
    assert "'gpt-4o-transcribe'" in error.message
    assert gate.records(1)[0]["reason"] == "model_not_allowed"


def test_an_edit_of_images(gate):
    images = [("a.png", b"png", "image/png"), ("b.png", b"png", "image/png")]
    answer = test_openai.client(gate).images.edit(model="gpt-image-1", image=images, prompt="a cat")
    assert answer.data[0].b64_json == "AAAA"
    assert gate.records(1)[0]["model"] == "gpt-image-1"


def test_a_batch_from_its_file_to_its_output(gate):
    sdk = test_openai.client(gate)
    file = sdk.files.create(file=("a.jsonl", line("gpt-4o-mini").encode() * 20_000), purpose="batch")
    assert (file.purpose, file.filename) == ("batch", "a.jsonl")
    batch = sdk.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    batch = sdk.batches.retrieve(batch.id)
    assert batch.status == "completed"
    output = sdk.files.content(batch.output_file_id)
    assert json.loads(output.text)["custom_id"] == "a"
    assert [record["endpoint"] for record in gate.records(4)] == [
        "files.create", "batches.create", "batches.get", "files.content",
    ]


def test_a_batch_with_another_model(gate):
    sdk = test_openai.client(gate, max_retries=0)
    text = line("gpt-4o-mini") * 20_000 + line("gpt-4o")
    error = refused(
        "model_not_allowed", lambda: sdk.files.create(file=("a.jsonl", text.encode()), purpose="batch")
    )
    assert "'gpt-4o' in line 20001 of the file" in error.message
    batch = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    refused("model_unknowable", lambda: sdk.batches.create(input_file_id="file-unknown", **batch))


def test_a_file_for_anthropic(gate):
    sdk = test_anthropic.client(gate)
    file = sdk.beta.files.upload(file=("a.txt", b"x" * 1_000_000, "text/plain"))
    assert (file.filename, file.size_bytes) == ("a.txt", 1_000_000)
    assert sdk.beta.files.download(file.id).read() == b"a file"
    assert [record["endpoint"] for record in gate.records(2)] == ["files.create", "files.content"]


@pytest.mark.parametrize("root", ["", "/gemini"])
def test_a_file_for_google(gate, root):
    # Longer than one of the SDK's pieces.
    text = io.BytesIO(b"x" * 9_000_000)
    file = test_google_genai.client(gate, root=root).files.upload(file=text, config={"mime_type": "text/plain"})
    assert file.state.name == "ACTIVE"
    records = gate.records(3)
    assert all(record["endpoint"].startswith("files.upload") for record in records)
    assert all(record["key_id"] == "app" for record in records)
    assert sum(record["request_bytes"] for record in records) > 9_000_000
