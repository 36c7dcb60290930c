"""Evidence cards on the page, by hand: change and drug in the heading, numbers on the scale of the probability beside them."""

import math

import pandas as pd

from photo51.report.sections.cards import evidence_card

VARIANT = pd.DataFrame(
    [{"variant": "c:7:C>G", "gene": "katG", "consequence": "missense", "hgvs_p": "p.Ser315Thr", "drugs": "Isoniazid"}]
).set_index("variant")  # fmt: skip
CITED = pd.DataFrame(
    [
        {
            "variant": "c:7:C>G",
            "rank": 1,
            "feature": 12,
            "orientation": "sense",
            "name": "",
            "contribution": 1.5,
        }
    ]
)
NONE = pd.DataFrame()


def record(**changed):
    return {
        "variant": "c:7:C>G", "probability": 0.8, "prevalence": 0.5, "scale": 0.5, "outcome": "resistance", "withheld": "",
        "faithfulness": 0.7, "random_faithfulness": 0.1, "out_of_domain": False, **changed,
    }  # fmt: skip


def test_a_card_names_the_change_the_drug_and_calibrated_odds():
    html = str(evidence_card(record(), VARIANT, CITED, NONE))
    for words in ("katG p.Ser315Thr c:7:C&gt;G", "drug: Isoniazid", "probability of resistance", "+0.75"):
        assert words in html
    assert "calibrated log odds" in html


def test_a_card_without_probability_says_why_and_calls_its_numbers_uncalibrated():
    html = str(evidence_card(record(probability=math.nan, scale=0.0, withheld="it is at chance"), VARIANT, CITED, NONE))
    assert "No probability is shown: it is at chance" in html
    assert "+1.50" in html
    assert "not calibrated" in html
