"""genai-prices as a judge: it computes what the gate's own test compares."""

from pathlib import Path

import prices


def test_the_table_is_what_genai_prices_computes():
    table = Path(__file__).parents[2] / "src/prices/oracle.txt"
    assert table.read_text() == prices.text()
