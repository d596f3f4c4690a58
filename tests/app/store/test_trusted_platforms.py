"""Platforms that are trusted for verifying: kept, narrowed, widened, and by whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from app.errors import SettingLocked, TrustListRejected
from app.settings import Origin, Settings, Source, load
from app.store import kept_trust_list
from app.store.trusted_platforms import (
    TrustedPlatform,
    keep,
    remove,
    trust_of,
    trusted_platforms,
)
from crypto.validation.anchor_rules import AnchorRule
from tests.world.authority import make_root

URL = "https://seals.example"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path / "etc")


@pytest.fixture(scope="module")
def platform() -> TrustedPlatform:
    root = make_root("平台根")
    pool = (root.sub_authority("签发").certificate,)
    return TrustedPlatform(
        URL, "平台", root.certificate, pool, ("甲公司",), "person", datetime.now(UTC)
    )


def by_policy(settings: Settings, **values: Any) -> Settings:
    sources = {name: Source(Origin.POLICY) for name in values}
    return replace(settings, **values, sources=MappingProxyType(sources))


def test_what_is_kept_is_read_back(settings: Settings, platform: TrustedPlatform) -> None:
    keep(settings, platform)
    assert trusted_platforms(settings) == [platform]
    [rule] = trust_of([platform]).rules
    assert rule.holders == {"甲公司"}


def test_companies_add_up_and_the_whole_platform_is_more(
    settings: Settings, platform: TrustedPlatform
) -> None:
    keep(settings, platform)
    assert keep(settings, replace(platform, holders=("乙公司",))).holders == ("甲公司", "乙公司")
    assert keep(settings, replace(platform, holders=())).holders == ()
    assert keep(settings, platform).holders == (), "not narrowed again by the way"
    (rule,) = trust_of(trusted_platforms(settings)).rules
    assert rule == AnchorRule(platform.root.fingerprint, origin=platform.origin), "no company named"


def test_where_a_policy_forbids_it_a_persons_trust_counts_for_nothing(
    settings: Settings, platform: TrustedPlatform
) -> None:
    keep(settings, platform)
    strict = by_policy(settings, allow_own_trust=False)
    assert trusted_platforms(strict) == []
    with pytest.raises(SettingLocked):
        keep(strict, platform)


def test_the_administrators_platform_counts_while_it_is_named(
    settings: Settings, platform: TrustedPlatform
) -> None:
    pinned = replace(platform, by="policy", holders=())
    named = by_policy(settings, platform_url=URL, allow_own_trust=False)
    keep(named, pinned)
    assert trusted_platforms(named) == [pinned]
    assert trusted_platforms(replace(settings, platform_url=URL)) == [], "typed in by the user"
    assert trusted_platforms(by_policy(settings, platform_url="https://other.example")) == []
    other_root = by_policy(settings, platform_url=URL, platform_root="3" * 64)
    assert trusted_platforms(other_root) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"root": "zz"}', "[" * 5000])
def test_a_file_that_is_none_of_ours_makes_nobody_trusted(settings: Settings, text: str) -> None:
    folder = settings.folders.config / "trust" / "platforms"
    folder.mkdir(parents=True)
    (folder / "person-x.json").write_text(text)
    assert trusted_platforms(settings) == []


def test_a_file_under_another_name_does_not_count(
    settings: Settings, platform: TrustedPlatform
) -> None:
    keep(settings, platform)
    folder = settings.folders.config / "trust" / "platforms"
    [path] = folder.iterdir()
    path.rename(folder / path.name.replace("person", "policy"))
    assert trusted_platforms(by_policy(settings, platform_url=URL)) == []


def test_trust_is_taken_away_by_the_fingerprint(
    settings: Settings, platform: TrustedPlatform
) -> None:
    keep(settings, platform)
    assert remove(settings, platform.root_sm3[:7]) == []
    assert remove(settings, platform.root_sm3[:8]) == [platform]
    assert trusted_platforms(settings) == []


def test_a_list_that_a_user_set_needs_leave_to_trust(settings: Settings) -> None:
    own = replace(settings, trust_list="/x", trust_list_signer="1" * 64)
    assert kept_trust_list.follows(own)
    assert not kept_trust_list.follows(replace(own, allow_own_trust=False))
    named = {"trust_list": "/x", "trust_list_signer": "1" * 64}
    assert kept_trust_list.follows(by_policy(settings, **named, allow_own_trust=False))


def test_what_is_no_list_is_named_and_the_kept_one_stays(settings: Settings) -> None:
    own = replace(settings, trust_list="https://lists.example/l", trust_list_signer="1" * 64)
    assert kept_trust_list.due(own)
    with pytest.raises(TrustListRejected) as refused:
        kept_trust_list.take(own, b"no list")
    assert refused.value.reason == "malformed"
    assert kept_trust_list.kept(own) is None
