"""Writes src/prices/oracle.txt: what genai-prices itself computes for models and usage of every kind.

    python tests/sdk/prices.py > src/prices/oracle.txt
"""

import random
import sys
from datetime import datetime, timezone
from decimal import ROUND_CEILING, Decimal
from importlib.metadata import version

import genai_prices
from genai_prices import Usage, data

SELLERS = {
    "openai": "openai", "anthropic": "anthropic", "gemini": "google", "azure-openai": "azure", "bedrock": "aws",
    "mistral": "mistral", "cohere": "cohere", "groq": "groq", "deepseek": "deepseek", "xai": "x-ai",
    "together": "together", "fireworks": "fireworks", "openrouter": "openrouter", "perplexity": "perplexity",
}
# Names as clients write them, beside the list's own.
NAMES = {
    "openai": ["gpt-4o-2024-11-20", "gpt-4o-20241120", "o3", "whisper-1", "tts-1", "text-embedding-3-small"],
    "azure-openai": ["gpt-4o", "claude-opus-4-5"],
    "bedrock": ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0"],
    "gemini": ["gemini-2.5-pro", "gemini-2.5-flash", "claude-opus-4-5@20251101"],
    "deepseek": ["deepseek-v4-pro", "deepseek-chat"],
    "groq": ["whisper-large-v3"],
    "openrouter": ["openai/gpt-4o", "anthropic/claude-sonnet-4.5"],
}
TIMES = ["2026-11-21T12:00:00Z", "2026-11-21T03:00:00Z", "2027-03-01T00:00:00Z"]
TIERS = {"batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}, "priority": {"service_tier": "priority"}}


def usage(priced, draw):
    """Random counts of what is priced, ours and theirs."""
    count = lambda most: draw.randrange(1, most)
    ours, theirs = {}, {}
    parts = {}
    for unit, name, most in [
        ("cache_read_mtok", "cached", 150_000), ("cache_write_mtok", "cache_writes", 20_000),
        ("cache_write_1h_mtok", "long_cache_writes", 20_000), ("input_audio_mtok", "input_audio", 9_000),
        ("input_image_mtok", "input_image", 9_000), ("output_audio_mtok", "output_audio", 9_000),
        ("output_image_mtok", "output_image", 9_000), ("output_reasoning_mtok", "reasoning", 9_000),
    ]:
        if unit in priced and draw.random() < 0.7:
            parts[name] = count(most)
    # Of the cached, some are of sound or pictures, and so part of these too. Told by chance of its own, so that the
    # other lines stay as they are.
    chance, cached = random.Random(parts.get("cached")), parts.get("cached", 0)
    for unit, name, of in [
        ("cache_audio_read_mtok", "cached_audio", "input_audio"), ("cache_image_read_mtok", "cached_image", "input_image"),
    ]:
        most = min(cached, parts.get(of, 0))
        if unit in priced and most > 1:
            ours[name] = chance.randrange(1, most)
            cached -= ours[name]
    ours.update(parts)
    reading = sum(parts.get(name, 0) for name in ("cached", "cache_writes", "long_cache_writes", "input_audio", "input_image"))
    writing = sum(parts.get(name, 0) for name in ("output_audio", "output_image", "reasoning"))
    if "input_mtok" in priced:
        ours["input"] = reading + count(200_000)
    if "output_mtok" in priced:
        ours["output"] = writing + count(20_000)
    if {"audio_hours", "input_audio_hours"} & priced:
        ours["audio_ms"] = 1000 * draw.randrange(10, 5_000)
    if "input_mchars" in priced:
        ours["characters"] = count(100_000)
    if "web_searches_kcount" in priced:
        ours["searches"] = count(5)
    theirs = {
        "input_tokens": ours.get("input", 0), "output_tokens": ours.get("output", 0),
        "cache_read_tokens": ours.get("cached", 0),
        "cache_write_tokens": ours.get("cache_writes", 0) + ours.get("long_cache_writes", 0),
        "cache_write_1h_tokens": ours.get("long_cache_writes", 0),
        "input_audio_tokens": ours.get("input_audio", 0), "input_image_tokens": ours.get("input_image", 0),
        "output_audio_tokens": ours.get("output_audio", 0), "output_image_tokens": ours.get("output_image", 0),
        "output_reasoning_tokens": ours.get("reasoning", 0),
        "cache_audio_read_tokens": ours.get("cached_audio", 0), "cache_image_read_tokens": ours.get("cached_image", 0),
        "input_video_tokens": 0, "output_video_tokens": 0,
        "audio_seconds": Decimal(ours.get("audio_ms", 0)) / 1000,
        "input_audio_seconds": Decimal(ours.get("audio_ms", 0)) / 1000,
        "input_characters": ours.get("characters", 0),
        "web_searches": ours.get("searches", 0), "storage_searches": 0,
    }
    return ours, Usage(**theirs)


def digits(price):
    """How many digits behind the point a model's prices have."""
    amounts = [getattr(value, "base", value) for value in price.__dict__.values() if value is not None]
    return max((-one.normalize().as_tuple().exponent for one in amounts), default=0)


def lines():
    draw = random.Random(5)
    providers = {one.id: one for one in data.providers}
    for name, seller in SELLERS.items():
        own = [one.id for one in providers[seller].models]
        models = NAMES.get(name, []) + draw.sample(own, min(len(own), 14))
        for model in models:
            for when in TIMES if seller in ("deepseek", "google") else TIMES[:1]:
                for tier, context in [("", None), *TIERS.items()]:
                    at = datetime.fromisoformat(when.replace("Z", "+00:00")).astimezone(timezone.utc)
                    try:
                        asked = dict(provider_id=seller, genai_request_timestamp=at, price_context=context)
                        priced = genai_prices.calc_price(Usage(), model, **asked).model_price
                    except LookupError:
                        continue
                    keys = {key for key, value in priced.__dict__.items() if value is not None}
                    standard = genai_prices.calc_price(Usage(), model, provider_id=seller, genai_request_timestamp=at)
                    if tier and standard.model_price == priced:
                        continue  # no price of its own
                    pages = any("page" in key or "message" in key or "citation" in key for key in keys)
                    films = any("video" in key for key in keys)  # counted as pictures, at the dearer price
                    if not keys or pages or films or digits(priced) > 12:
                        continue
                    ours, theirs = usage(keys, draw)
                    cost = genai_prices.calc_price(theirs, model, **asked).total_price
                    cost = cost.quantize(Decimal("1e-12"), ROUND_CEILING)
                    counts = " ".join(f"{key}={value}" for key, value in ours.items())
                    yield "\t".join([name, model, when, tier, counts, format(cost, "f")])


def text():
    head = f"# What genai-prices {version('genai-prices')} computes; written by tests/sdk/prices.py.\n"
    return head + "# provider, model, time, tier, counts, USD\n" + "".join(f"{line}\n" for line in lines())


if __name__ == "__main__":
    sys.stdout.write(text())
