"""The limits: present by default, frozen, and those that the issue names."""

from __future__ import annotations

import pytest

from riskml.serving.settings import Settings


def test_every_limit_is_on_by_default_and_none_can_be_moved_later():
    settings = Settings()
    assert settings.max_bytes == 1_000_000
    assert settings.max_patients == 1_000
    limits = settings.with_(key_digests=None, hosts=None).to_fields()
    assert [name for name, value in limits.items() if value is not None and not value > 0] == []
    with pytest.raises(AttributeError, match="frozen"):
        settings.rate = 0.0
