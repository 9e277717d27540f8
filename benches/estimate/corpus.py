"""Gathers real texts by kind, in pieces of a few kilobytes, as JSON on the standard output.

Manual pages in several languages come from Debian's archive, code and data from what is installed. Texts that are
made (base64, numbers) are made from a fixed seed.
"""

import base64
import glob
import gzip
import json
import random
import re
import subprocess
import sys
from pathlib import Path

PIECES = 24
LONG = 6_000
PAGES = {"German": "manpages-de", "French": "manpages-fr", "Russian": "manpages-ru", "Japanese": "manpages-ja",
         "Chinese": "manpages-zh", "English": "manpages-dev"}
FOLDERS = {"German": "de", "French": "fr", "Russian": "ru", "Japanese": "ja", "Chinese": "zh_CN", "English": ""}


def plain(page):
    """A manual page without its markup."""
    text = gzip.open(page, "rb").read().decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if not line.startswith((".", "'"))]
    text = re.sub(r"\\f[A-Z]|\\f\[[A-Z]*\]|\\&|\\[|^]", "", "\n".join(lines))
    return re.sub(r"\\\(\w\w|\\\[\w+\]|\\-", "-", text)


def pages(kind, work):
    package = PAGES[kind]
    if not list(work.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", "-qq", package], cwd=work, check=True, stderr=subprocess.DEVNULL)
        (deb,) = work.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", deb.name, package], cwd=work, check=True)
    found = sorted((work / package / "usr/share/man" / FOLDERS[kind]).rglob("*.gz"))
    return [plain(page) for page in found if not page.is_symlink()]


def files(*patterns):
    found = [Path(name) for pattern in patterns for name in sorted(glob.glob(pattern, recursive=True))]
    return [one.read_text(errors="replace") for one in found if one.is_file()]


def pieces(texts, draw):
    long = [text for text in texts if len(text) > 400]
    draw.shuffle(long)
    for text in long[:PIECES]:
        start = draw.randrange(max(1, len(text) - LONG))
        yield text[start : start + draw.randrange(400, LONG)]


def main():
    work, root = Path(sys.argv[1]), Path(__file__).parents[2]
    draw = random.Random(11)
    python = str(Path(json.__file__).parents[1])
    kinds = {kind: pages(kind, work) for kind in PAGES}
    kinds["Rust"] = files(f"{root}/src/**/*.rs")
    kinds["Python"] = files(f"{python}/*.py")
    kinds["JavaScript"] = files(f"{work}/node_modules/**/src/**/*.js", f"{work}/node_modules/**/*.d.ts")
    kinds["C"] = files("/usr/include/*.h")
    kinds["Markdown"] = files(f"{root}/*.md", f"{work}/node_modules/**/*.md")
    kinds["JSON"] = files(f"{root}/config/*.json", f"{root}/tests/**/*.json", f"{work}/node_modules/*/package.json")
    noise = lambda: draw.randbytes(9_000)
    kinds["base64 as text"] = [base64.b64encode(noise()).decode() for _ in range(PIECES)]
    kinds["hex"] = [noise().hex() for _ in range(PIECES)]
    kinds["numbers"] = ["\n".join(",".join(f"{draw.uniform(0, 10 ** draw.randrange(6)):.{draw.randrange(5)}f}"
                                           for _ in range(6)) for _ in range(300)) for _ in range(PIECES)]
    out = [{"kind": kind, "text": text} for kind, texts in kinds.items() for text in pieces(texts, draw)]
    json.dump(out, sys.stdout)


main()
