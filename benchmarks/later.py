"""Documents to which something was added after sealing: made, drawn as a floor, and compared.

    python later.py form FOLDER PAGES    writes "PAGES pages, form.pdf": a field on each page
    python later.py fill FILE OUTPUT     fills in every field, as a later revision
    python later.py fill1 FILE OUTPUT    fills in that of the middle page, as most people do
    python later.py floor FILE DPI       draws the pages of both revisions with both engines
    python later.py compare FILE RUNS    pictures of one changed page; prints JSON
    python later.py search FILE RUNS     the search for pictures of seals; prints JSON

``floor`` is what no program can do without that looks at what a later revision shows: MuPDF and
PDFium draw the pages, and equal bytes are recognised. ``search`` prints beside it what PyMuPDF
takes to unpack the content of the same pages.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf

END = b"%%EOF"


def form(folder: Path, pages: int) -> None:
    """The regulation with an empty text field at the foot of each page."""
    from prepare import make_document

    output = folder / f"{pages} pages, form.pdf"
    make_document(output, pages, 0)
    with pymupdf.open(output) as document:
        for page in document:
            widget = pymupdf.Widget()
            widget.field_name = f"amount {page.number + 1}"
            widget.field_type = pymupdf.PDF_WIDGET_TYPE_TEXT
            widget.rect = pymupdf.Rect(60, 790, 260, 810)
            widget.text_fontsize = 10
            page.add_widget(widget)
        made = document.tobytes(garbage=3, deflate=True)
    output.write_bytes(made)


def fill(source: Path, output: Path, *, everywhere: bool) -> None:
    """The fields of *source*, which is sealed, filled in on every page, or on the one in the
    middle; as browsers and readers save it."""
    output.write_bytes(source.read_bytes())
    with pymupdf.open(output) as document:
        for page in document if everywhere else [document[document.page_count // 2]]:
            for widget in page.widgets(types=[pymupdf.PDF_WIDGET_TYPE_TEXT]):
                widget.field_value = f"{100 * (page.number + 1)} CNY"
                widget.update()
        document.saveIncr()


def sealed_end(data: bytes) -> int:
    """The length of the last revision but one."""
    return data.rindex(END, 0, data.rindex(END)) + len(END) + 1


def floor(source: Path, dpi: float) -> None:
    """Both revisions drawn by both engines."""
    import pypdfium2

    data = source.read_bytes()
    revisions = data[: sealed_end(data)], data
    scale = dpi / 72
    with pymupdf.open(stream=revisions[0]) as then, pymupdf.open(stream=revisions[1]) as now:
        others = [pypdfium2.PdfDocument(each) for each in revisions]
        for page in range(now.page_count):
            matrix = pymupdf.Matrix(scale, scale)
            shown = [each[page].get_pixmap(matrix=matrix).samples for each in (then, now)]
            pixels = [bytes(each[page].render(scale=scale).buffer) for each in others]
            if shown[0] == shown[1] and pixels[0] == pixels[1]:
                raise SystemExit(f"page {page + 1} shows nothing new")
        for each in others:
            each.close()


def repeated(job: Callable[[], object], runs: int) -> dict[str, list[float]]:
    """Seconds and processor time of each run; the first is not counted."""
    job()
    seconds, cpu = [], []
    for _ in range(runs):
        start, cpu_start = time.perf_counter(), time.process_time()
        job()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    return {"seconds": seconds, "cpu": cpu}


def compare(source: Path, runs: int) -> None:
    """What the window shows of one page that changed, as the drawing process makes it."""
    from crypto.rendering.changed import picture_changes

    data = source.read_bytes()

    def job() -> None:
        made = picture_changes(data, None, sealed_end(data), (1,), 60.0)
        if len(made.parts) != 3:
            raise AssertionError("a page that changed and no pictures")

    print(json.dumps({"compare": repeated(job, runs)}))


def search(source: Path, runs: int) -> None:
    """Every page searched for pictures of seals, and unpacked by PyMuPDF."""
    from crypto.pdf.lookalikes.search import look_alikes
    from crypto.pdf.reading.document import Document

    with source.open("rb") as stream, pymupdf.open(source) as other:
        document = Document(stream)
        document.pages()

        def ours() -> None:
            if look_alikes(document).skipped:
                raise AssertionError("pages were left out")

        def theirs() -> None:
            for page in other:
                page.read_contents()

        told = {"search": repeated(ours, runs), "unpack": repeated(theirs, runs)}
    print(json.dumps(told))


if __name__ == "__main__":
    job, place, *rest = sys.argv[1:]
    if job == "form":
        form(Path(place), int(rest[0]))
    elif job in ("fill", "fill1"):
        fill(Path(place), Path(rest[0]), everywhere=job == "fill")
    elif job == "floor":
        floor(Path(place), float(rest[0]))
    else:
        {"compare": compare, "search": search}[job](Path(place), int(rest[0]))
