"""``riskml card`` prints the card that the bundle carries, once the bundle has passed every check."""

from __future__ import annotations

import pytest

from tests.cli.processes import BUNDLES


@pytest.mark.parametrize("name", BUNDLES)
def test_the_card_is_the_bundle_s_file(riskml, name):
    done = riskml("card", BUNDLES[name])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (BUNDLES[name] / "CARD.md").read_text(encoding="utf-8")
    assert "Not a medical device" in done.stdout


def test_a_model_s_folder_is_as_good_as_the_bundle_in_it(riskml):
    assert riskml("card", BUNDLES["efs"].parent).stdout == riskml("card", BUNDLES["efs"]).stdout
