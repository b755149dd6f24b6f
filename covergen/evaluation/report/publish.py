"""Where the report lies, and what a person opens to read it."""

from pathlib import Path

from covergen.evaluation.report.content import ReportContent
from covergen.evaluation.report.report import write_report
from covergen.storage import objects
from covergen.storage.root import Root

PAGE = "report.html"


def page_of(root: Root) -> str:
    """Return where the report lies: in a folder of the root, so that it takes nobody's file away."""
    return root.path("report", PAGE)


def publish(root: Root, content: ReportContent) -> None:
    """Write the report to its place; one in S3 is a page on its own, so that a link opens all of it."""
    if not objects.is_s3(root.uri):
        write_report(Path(page_of(root)).parent, content)
        return
    with objects.outgoing(root.path("report")) as folder:
        write_report(folder, content, whole=True)


def link(root: Root) -> str:
    """Return what a person opens: a path, or a link to S3 that works for a day."""
    page = page_of(root)
    return objects.presigned(page, seconds=86_400) if objects.is_s3(page) else page
