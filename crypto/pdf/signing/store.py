"""The document security store (DSS) of a PDF that is being written.

ISO 32000-2 §12.8.4.3: certificates, CRLs and OCSP responses as streams that the catalog's /DSS
lists. What it holds already stays and is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.extensions import DeveloperExtension, DevExtensionMultivalued
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.failures import PARSER_FAILURES

_ESIC = DeveloperExtension(
    name("/ESIC"),
    name("/1.7"),
    extension_level=1,
    compare_by_level=True,
    multivalued=DevExtensionMultivalued.MAYBE,
)
"""How a PDF 1.x says that it has a DSS; part of ISO 32000-2."""

_PURPOSES = {
    "/Certs": DecodePurpose.CERTIFICATE,
    "/CRLs": DecodePurpose.CRL,
    "/OCSPs": DecodePurpose.OCSP_RESPONSE,
}


def enclose(writer: IncrementalPdfFileWriter, wanted: Mapping[str, Iterable[bytes]]) -> None:
    """Add *wanted* (DER each, by ``/Certs``, ``/CRLs`` and ``/OCSPs``) to the store of the document
    that *writer* extends. Where all of it is there already, nothing is written."""
    root = writer.root
    store = entry(root, "/DSS")
    found = store if isinstance(store, generic.DictionaryObject) else None
    new = {key: _missing(found, key, values) for key, values in wanted.items()}
    if not any(new.values()):
        return
    if found is None:
        found = generic.DictionaryObject({name("/Type"): name("/DSS")})
        root[name("/DSS")] = writer.add_object(found)
        writer.update_container(root)
    writer.update_container(found)
    for key, values in new.items():
        _extend(writer, found, key, values)
    writer.register_extension(_ESIC)


def _missing(
    store: generic.DictionaryObject | None, key: str, values: Iterable[bytes]
) -> list[bytes]:
    listed = entry(store, key) if store is not None else None
    present: set[bytes] = set()
    for item in listed if isinstance(listed, generic.ArrayObject) else ():
        try:
            stream = follow(item)
            if isinstance(stream, generic.StreamObject):
                present.add(stream.read_data(_PURPOSES[key]))
        except PARSER_FAILURES:
            continue  # what cannot be read is not what we add
    return [value for value in dict.fromkeys(values) if value not in present]


def _extend(
    writer: IncrementalPdfFileWriter,
    store: generic.DictionaryObject,
    key: str,
    values: list[bytes],
) -> None:
    if not values:
        return
    listed = entry(store, key)
    if not isinstance(listed, generic.ArrayObject):
        listed = store[name(key)] = generic.ArrayObject()
    else:
        writer.update_container(listed)
    for value in values:
        stream = generic.StreamObject(stream_data=value)
        stream.compress()
        listed.append(writer.add_object(stream))
