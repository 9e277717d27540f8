"""Fits the weights of src/estimate/steps.rs to the counted texts and prints them as Rust. Needs numpy and scipy.

A weight is what a step from a byte of one class to one of another adds. They are the solution of a linear program:
of nine texts in ten, the sum shall be no less than what the tokenizer that makes the most of it counts, and as
close to it as can be. No weight is less than what texts need that are not among these.
"""

import json
import sys

import numpy as np
from scipy.optimize import linprog

CLASSES = ["lower", "upper", "digit", "space", "line", "punct", "lead2", "lead3", "lead4", "cont"]
QUANTILE, MARGIN, PARTS, MOST = 0.9, 1.06, 1024, 3.0
LOWER, UPPER, DIGIT, SPACE, LINE, PUNCT, LEAD2, LEAD3, LEAD4, CONT = range(10)
K = len(CLASSES)


def of(byte):
    if byte >= 0x80:
        return CONT if byte < 0xC0 else LEAD2 if byte < 0xE0 else LEAD3 if byte < 0xF0 else LEAD4
    text = chr(byte)
    if text.isalpha():
        return LOWER if text.islower() else UPPER
    return DIGIT if text.isdigit() else SPACE if text == " " else LINE if text in "\t\n\r" else PUNCT


def least():
    """What a step costs at least."""
    low = np.full((K, K), 0.25)
    low[:, SPACE] = 0.0
    low[LOWER, LOWER], low[UPPER, UPPER], low[SPACE, LOWER] = 0.12, 0.25, 0.4
    low[DIGIT, DIGIT], low[PUNCT, PUNCT], low[LINE, LINE] = 0.30, 0.15, 0.1
    low[:, LEAD4], low[CONT, LEAD3], low[SPACE, CONT] = 2.0, 1.05, 0.0
    low[:, CONT] = 0.0
    return low.ravel()


def main():
    texts = json.load(sys.stdin)
    table = np.array([of(byte) for byte in range(256)])
    def steps(text):
        classes = np.concatenate([[LINE], table[np.frombuffer(text.encode(), dtype=np.uint8)]])
        return np.bincount(classes[:-1] * K + classes[1:], minlength=K * K).astype(float)
    counts = np.array([steps(one["text"]) for one in texts])
    tokens = np.array([max(one["tokens"].values()) for one in texts], float)
    kinds = [one["kind"] for one in texts]
    share = np.array([1 / kinds.count(kind) for kind in kinds])
    n, m = counts.shape
    rows = np.hstack([counts / tokens[:, None], np.eye(n), -np.eye(n)])
    cost = np.concatenate([np.full(m, 1e-6), QUANTILE * share, (1 - QUANTILE) * share])
    bounds = [(low, max(MOST, low)) for low in least()] + [(0, None)] * (2 * n)
    weights = linprog(cost, A_eq=rows, b_eq=np.ones(n), bounds=bounds, method="highs").x[:m].reshape(K, K)
    for name, row in zip(CLASSES, np.round(weights * MARGIN * PARTS).astype(int)):
        print(f"    [{', '.join(f'{weight:>4}' for weight in row)}], // {name}")
    ratio = (counts @ weights.ravel()) * MARGIN / tokens
    print(f"// against the most: median {np.median(ratio):.2f}, least {ratio.min():.2f}, "
          f"below in {np.mean(ratio < 1):.1%} of {n}", file=sys.stderr)


main()
