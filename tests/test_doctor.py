from covergen import doctor
from covergen.doctor import Finding, examine
from covergen.errors import ConfigError


def found():
    return {finding.name: finding for finding in examine()}


def test_everything_a_person_would_ask_for_is_looked_at():
    findings = found()
    assert {"covergen", "python", "torch", "device", "ray", "weights cache", "temporary files"} <= set(
        findings
    )
    assert findings["torch"].good and findings["torch"].found.startswith("2.")
    assert "threads" in findings["device"].found or "CUDA" in findings["device"].found


def test_a_missing_package_is_bad_but_for_ray(monkeypatch):
    def version(package):
        return None if package in {"ray", "pyarrow"} else "1.0"

    monkeypatch.setattr(doctor, "_version", version)
    findings = found()
    assert findings["ray"].found == "not installed" and findings["ray"].good
    assert not findings["pyarrow"].good


def test_torchaudio_may_be_missing_but_not_broken(monkeypatch):
    def refuse():
        raise ConfigError("it does not load")

    monkeypatch.setattr(doctor, "_version", lambda package: None)
    assert found()["torchaudio"].good
    monkeypatch.setattr(doctor, "_version", lambda package: "2.11.0")
    monkeypatch.setattr("covergen.embeddings.resample.check", refuse)
    assert found()["torchaudio"] == Finding("torchaudio", "2.11.0, of no use: it does not load", False)


def test_missing_assets_are_told_and_the_rest_is_still_looked_at(monkeypatch, tmp_path):
    monkeypatch.setattr("covergen.serving.service.SHIPPED_FUSION", tmp_path)
    findings = found()
    assert not findings["tiny assets"].good
    assert "temporary files" in findings


def test_a_cache_that_is_a_file_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setattr(doctor, "_hub_cache", lambda: tmp_path / "cache" / "hub")
    assert not found()["weights cache"].good
    monkeypatch.setattr(doctor, "_hub_cache", lambda: tmp_path / "new" / "hub")
    assert found()["weights cache"].good
