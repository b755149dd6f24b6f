"""What others write for an address is parsed in one place, or refused."""

import ast
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covergen.errors import BadInput, RejectCode
from covergen.sources.http.addresses import host_of, masked, query_of, redirected, unsigned, web_address

BAD = [
    "", "https://", "https:///x", "relative/path", "//a.org/x", "ftp://a.org/x", "javascript:alert(1)",
    "https://[cdn]/cover.jpg", "http://[::1", "http://a.org:port/", "http://a.org:99999/", "http://a.org:0/",
    "https://a..org/", f"https://{'a' * 64}.org/", "https://a b.org/", "https://a.org/\0", "https://\u2100.org/",
    "https://a.org/\ud800", "https://%zz/", "https://.../", "https://a.org/" + "x" * 70_000,
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is no address of the web: ") as refused:
        web_address(text)
    assert refused.value.code is RejectCode.BAD_ADDRESS and not refused.value.retriable
    assert len(refused.value.reason) < 800


@pytest.mark.parametrize(
    ("text", "sent", "host"),
    [
        ("HTTPS://A.org/X y?q=ü", "https://a.org/X%20y?q=%C3%BC", "a.org"),
        ("https://ü.org:8443/", "https://xn--tda.org:8443/", "xn--tda.org:8443"),
        ("http://me:secret@a_b.org./x", "http://me:secret@a_b.org./x", "a_b.org."),
        ("http://[::1]:80/x", "http://[::1]/x", "[::1]"),
        ("http://192.0.2.7:81/x", "http://192.0.2.7:81/x", "192.0.2.7:81"),
    ],
)
def test_what_is_one_is_sent_in_ascii(text: str, sent: str, host: str) -> None:
    assert (str(web_address(text)), host_of(web_address(text))) == (sent, host)


@given(
    st.text(st.sampled_from("htps:/[]@?#%.é\ud800\0 0a1-"), max_size=30).map("http://".__add__) | st.text()
)
def test_any_text_is_an_address_or_a_refusal(text: str) -> None:
    unsigned(text), query_of(text), masked(text)
    here = httpx2.URL("https://a.org/b/c")
    for read in (web_address, lambda location: redirected(here, location)):
        try:
            url = read(text)
        except BadInput as problem:
            assert problem.code in {RejectCode.BAD_ADDRESS, RejectCode.SOURCE_ERROR}
        else:
            assert str(url).isascii() and web_address(str(url)) == url and host_of(url)


def test_secrets_stand_in_no_reason() -> None:
    with pytest.raises(BadInput) as refused:
        web_address("https://me:hidden@[cdn]/x?token=hidden")
    assert "hidden" not in refused.value.reason


def test_a_signature_does_not_count() -> None:
    assert unsigned("https://a.org/x?part=1&hdnea=exp=17~acl=/*~hmac=ab") == "https://a.org/x?part=1"
    assert unsigned("https://[cdn]/x?sig=1") == "https://[cdn]/x?sig=1"
    assert query_of("https://a.org/x?offset=20&limit=5") == {"offset": "20", "limit": "5"}
    assert query_of("https://[cdn]/x?offset=20") == {}


def test_addresses_are_parsed_here_and_nowhere_else() -> None:
    home = Path(__file__).parent.parent.parent.parent / "covergen"
    parsers = {"urlsplit", "urljoin", "urlparse", "parse_qs", "parse_qsl"}
    found = {
        str(path.relative_to(home))
        for path in home.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import) and parsers & {each.name for each in node.names}
    }
    # The service reads the Origin of a request, and a form's fields: what cannot be read is refused there.
    assert found == {
        "sources/http/addresses.py",
        "serving/http/same_origin.py",
        "serving/http/request_parsing.py",
    }
