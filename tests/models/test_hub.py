"""Releases from a hub of our own on loopback, and a sentence for every way in which it can fail."""

import errno
import shutil

import httpx2
import pytest

from covergen.errors import ModelError
from covergen.models import hub as ours
from covergen.models.hub import Release, check, download
from tests.hub import Hub

COMMIT = "0123456789" * 4
RELEASE = Release("owner/model", COMMIT, ("*.json", "*.safetensors"), (("config.json",), ("*.safetensors",)))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "published"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights" * 1000)
    (made / "pytorch_model.bin").write_bytes(b"not wanted")
    return made


@pytest.fixture
def published(hub: Hub, folder):
    hub.publish(RELEASE.repo, COMMIT, folder)
    return hub


def test_a_release_is_downloaded_once_and_then_nobody_is_asked(published):
    check(RELEASE)
    assert published.downloaded == []
    found = download(RELEASE)
    assert (found / "model.safetensors").read_bytes() == b"weights" * 1000
    assert sorted(published.downloaded) == ["config.json", "model.safetensors"]
    published.requests.clear()
    check(RELEASE, offline=True)
    assert download(RELEASE) == download(RELEASE, offline=True) == found
    assert published.requests == []


def test_what_a_broken_off_download_left_is_completed(published):
    found = download(RELEASE)
    (found / "model.safetensors").resolve().unlink()
    (found / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="offline was chosen"):
        download(RELEASE, offline=True)
    check(RELEASE)
    assert (download(RELEASE) / "model.safetensors").is_file()


FAULTS = [
    ("gated", r"is gated: accept its licence at http://127.0.0.1:\d+/owner/model .* set HF_TOKEN"),
    ("gated_files", "is gated: accept its licence"),
    ("forbidden", "is gated: accept its licence"),
    ("bad_token", r"refuses the token \(HF_TOKEN"),
    ("busy", "too many requests from here"),
    ("broken", r"fails \(503\)"),
    ("portal", "is not the hub .* wants a login"),
    ("portal_files", "is not the hub .* wants a login"),
]


@pytest.mark.parametrize("ask", [check, download])
@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_every_failure_of_the_hub_has_its_sentence(published, ask, fault, told):
    published.fault = fault
    sentence(ask, RELEASE, told)


@pytest.mark.parametrize("ask", [check, download])
def test_what_is_not_there_is_said(published, ask):
    sentence(ask, Release("owner/other", COMMIT, ("*",)), "no repository owner/other at http")
    sentence(ask, Release("owner/model", "f" * 40, ("*",)), f"/owner/model has no commit {'f' * 40}")
    lacking = Release("owner/model", COMMIT, ("*",), (("tokenizer.json", "vocab.json"),))
    sentence(
        ask, lacking, "owner/model at 012345678901 holds no tokenizer.json or vocab.json; save the model"
    )


def test_a_token_opens_what_is_gated(published, monkeypatch):
    published.fault = "gated"
    monkeypatch.setenv("HF_TOKEN", published.token)
    check(RELEASE)
    assert (download(RELEASE) / "config.json").is_file()


@pytest.mark.parametrize("ask", [check, download])
def test_a_network_that_is_not_there_is_said_and_the_cache_still_serves(published, ask, at_hub, monkeypatch):
    at_hub("http://127.0.0.1:9")
    sentence(ask, RELEASE, "http://127.0.0.1:9 cannot be reached")
    at_hub(published.endpoint)
    found = download(RELEASE)
    at_hub("http://127.0.0.1:9")
    assert download(RELEASE) == found


@pytest.mark.parametrize("ask", [check, download])
def test_a_dead_proxy_is_named_without_its_password(published, ask, at_hub, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    at_hub("http://hub.test")
    told = sentence(ask, RELEASE, "the proxy http://127.0.0.1:9 does not let")
    assert "secret" not in told


@pytest.mark.parametrize("ask", [check, download])
def test_offline_by_choice_and_by_the_environment_say_how_to_undo_it(published, ask, monkeypatch):
    with pytest.raises(ModelError, match=r"offline was chosen; run once without it \(models.offline=false"):
        ask(RELEASE, offline=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    sentence(ask, RELEASE, "HF_HUB_OFFLINE forbids to ask the hub; unset it")
    assert published.requests == []


def test_a_disk_without_room_is_told_before_and_amid(published, monkeypatch, tmp_path):
    full = type(shutil.disk_usage(tmp_path))(10**12, 10**12, 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    sentence(check, RELEASE, r"take 0\.0 MB, and .* has room for 0\.0 MB; free some, or let HF_HOME")

    def breaks(*_, **given):
        if given.get("local_files_only"):
            raise FileNotFoundError
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", breaks)
    sentence(download, RELEASE, "the disk of .* is full amid weights owner/model")


def test_a_cache_that_cannot_be_written_is_said(published, monkeypatch):
    def breaks(*_, **given):
        if given.get("local_files_only"):
            raise FileNotFoundError
        raise PermissionError(errno.EACCES, "Permission denied", "/root/.cache")

    monkeypatch.setattr("huggingface_hub.snapshot_download", breaks)
    sentence(download, RELEASE, "cannot be written .* let HF_HOME name a folder of your own")


def test_a_certificate_of_somebody_else_is_a_network_that_cannot_be_reached():
    error = httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    assert "CERTIFICATE_VERIFY_FAILED" in ours._failure_sentence(RELEASE, error)


def sentence(ask, release, told):
    """Return what is told of a failure: one line that matches."""
    with pytest.raises(ModelError, match=told) as refusal:
        ask(release)
    text = str(refusal.value)
    assert "\n" not in text and "Traceback" not in text and len(text) < 450
    return text
