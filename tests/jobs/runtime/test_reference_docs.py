from jobs.runtime import reference_docs


def test_the_pages_that_are_made_from_the_code_are_current() -> None:
    for name, text in reference_docs.pages().items():
        written = (reference_docs.DOCS / name).read_text()
        assert written == text, f"docs/{name} is old: run python -m jobs.runtime.reference_docs"
