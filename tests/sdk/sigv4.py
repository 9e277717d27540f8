"""Signs a list of requests with botocore and prints what the unit test of src/cloud/sigv4.rs compares with:
`python sigv4.py > ../../src/cloud/signed.json`.
"""

import datetime
import json
import sys
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
ARN = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-v1%3A0"
JSON = [["content-type", "application/json"]]
SECONDS = 1795255200

CASES = [
    ("a plain path", "GET", "/foundation-models", "", [], [], None),
    ("no path", "GET", "/", "", [], [], None),
    ("an encoded colon", "POST", "/model/anthropic.claude-v1%3A0/converse", "", JSON, ['{"a":1}'], None),
    ("a plain colon", "POST", "/model/anthropic.claude-v1:0/converse", "", JSON, ['{"a":1}'], None),
    ("an ARN", "POST", f"/model/{ARN}/invoke", "", JSON, ["{}"], None),
    ("letters of its own", "POST", "/model/a.b_c~d-e%20f%C3%BC/invoke", "", JSON, ["{}"], None),
    ("a slash at the end", "GET", "/model/", "", [], [], None),
    ("slashes and dots", "GET", "/a//b/./c/../d", "", [], [], None),
    ("a body in pieces", "POST", "/model/m/converse", "", JSON, ['{"a":', '"ü', '"}'], None),
    ("a session", "POST", "/model/m/converse", "", JSON, ["{}"], "IQoJb3JpZ2luX2VjEJr//////////wEaCX=="),
    ("a query out of order", "GET", "/x", "b=2&a=2&a=1&c", [], [], None),
    ("an encoded query", "GET", "/x", "q=a%20b%2Fc%3A&Q=~", [], [], None),
    ("blanks in a header", "POST", "/x", "", [["content-type", "application/json;   charset=utf-8"]], ["{}"], None),
    ("a header of AWS", "POST", "/x", "", [*JSON, ["x-amzn-bedrock-trace", "ENABLED"]], ["{}"], None),
]


def signed(method, path, query, headers, pieces, session):
    url = f"https://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=dict(headers), data="".join(pieces).encode())
    now = datetime.datetime.fromtimestamp(SECONDS, datetime.timezone.utc)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        botocore.auth.SigV4Auth(Credentials(*KEYS, session), "bedrock", "eu-central-1").add_auth(request)
    return request.headers["Authorization"]


def main():
    cases = []
    for name, method, path, query, headers, pieces, session in CASES:
        cases.append(
            {
                "name": name,
                "seconds": SECONDS,
                "method": method,
                "path": path,
                "query": query,
                "headers": [["host", HOST], ["user-agent", "not signed"], *headers],
                "pieces": pieces,
                "session": session,
                "authorization": signed(method, path, query, headers, pieces, session),
            }
        )
    json.dump(cases, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
