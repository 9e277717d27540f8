"""Stands in for Bedrock and takes only what botocore itself would have signed: `bedrock.py PORT`.

It knows two pairs of keys, one of them a session's, and answers 403 as AWS does to everything else, with
what it would have signed on stderr.
"""

import base64
import datetime
import hmac
import json
import re
import struct
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "eu-central-1"
KEYS = {
    "AKIDJUDGE1": ("secret/of+the+judge", None),
    "ASIDJUDGE2": ("secret/of+a+session", "session/token+of==the/judge"),
}
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")
SKEW = datetime.timedelta(minutes=5)


def fault(method, target, headers, body):
    """Why AWS would refuse the request, or nothing."""
    match = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match:
        return "IncompleteSignatureException", "no signature"
    key_id, day, *scope = match[1].split("/")
    if scope != [REGION, "bedrock", "aws4_request"] or key_id not in KEYS:
        return "UnrecognizedClientException", f"the scope is {match[1]}"
    secret, token = KEYS[key_id]
    if headers.get("x-amz-security-token") != token:
        return "UnrecognizedClientException", "The security token included in the request is invalid."
    names = match[2].split(";")
    unsigned = [name for name in headers if name.startswith("x-amz") and name not in names]
    if "host" not in names or "x-amz-date" not in names or unsigned:
        return "InvalidSignatureException", f"signed are only {names}"
    stamp = headers["x-amz-date"]
    at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs(at - datetime.datetime.now(datetime.timezone.utc)) > SKEW or stamp[:8] != day:
        return "InvalidSignatureException", f"signed at {stamp}"
    # Whatever the date and the headers are, the rest is botocore's.
    request = AWSRequest(
        method=method,
        url=f"https://{headers['host']}{target}",
        headers={name: headers[name] for name in names},
        data=body,
    )
    request.context["timestamp"] = stamp
    judge = SigV4Auth(Credentials(key_id, secret, token), "bedrock", REGION)
    canonical = judge.canonical_request(request)
    signature = judge.signature(judge.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(signature, match[3]):
        return "InvalidSignatureException", canonical
    return None


def event(kind, content):
    """A frame of AWS's event stream."""
    heads = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        heads += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(content).encode()
    prelude = struct.pack(">II", 16 + len(heads) + len(payload), len(heads))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + heads + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        refused = fault(self.command, self.path, headers, body)
        if refused:
            print(*refused, sep=": ", file=sys.stderr, flush=True)
            return self.answer(403, {"message": refused[0]}, [("x-amzn-errortype", refused[0])])
        _, model, operation = self.path.rsplit("/", 2)
        heard = {"model": unquote(model), "key": headers["authorization"].split("=")[1].split("/")[0], "bytes": len(body)}
        text = json.dumps(heard)
        if operation == "invoke":
            return self.answer(200, heard)
        if operation == "converse-stream":
            frames = event("messageStart", {"role": "assistant"})
            frames += event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
            frames += event("messageStop", {"stopReason": "end_turn"})
            return self.answer(200, frames, kind="application/vnd.amazon.eventstream")
        if operation == "invoke-with-response-stream":
            chunk = {"bytes": base64.b64encode(text.encode()).decode()}
            return self.answer(200, event("chunk", chunk), kind="application/vnd.amazon.eventstream")
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        message = {"role": "assistant", "content": [{"text": text}]}
        content = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
        return self.answer(200, content)

    do_GET = do_POST

    def answer(self, status, content, headers=(), kind="application/json"):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in [("content-type", kind), ("content-length", str(len(content))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
