"""Every change that SealDesk makes to pyHanko, in one table.

A stranger's file must neither keep pyHanko busy for minutes nor be read in another way than common
viewers read it, and opening a document must be fast. So some functions of pyHanko are replaced for
the whole process. :data:`PATCHES` says which, why, what pyHanko does itself and which test guards
the change; :func:`install` makes the changes. The replacements stand in :mod:`.tokens`,
:mod:`.tables`, :mod:`.plain`, :mod:`.filters` and :mod:`.decryption`.

Private names of pyHanko appear in this module only. They belong to the pinned versions: any other
version is refused when this module is imported.

Stand-in modules come before all of this: :mod:`crypto.late_modules` puts off importing what pyHanko
asks for at once and hardly ever needs (half of the time that ``sealdesk verify`` takes; guarded by
tests/crypto/test_late_modules.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from crypto.frozen import frozen
from crypto.late_modules import OF_PYHANKO, put_off

put_off(OF_PYHANKO)

# ruff: noqa: E402 - pyHanko imports the validator, which put_off() must precede
from pyhanko.pdf_utils import filters, generic, misc, reader, xref
from pyhanko.pdf_utils.crypt import filter_mixins, standard
from pyhanko.version import __version__ as _PYHANKO_VERSION
from pyhanko_certvalidator.version import __version__ as _VALIDATOR_VERSION

from crypto.pdf.reading import decryption, tables, tokens
from crypto.pdf.reading import filters as our_filters

_T = TypeVar("_T")

PINNED = {"pyhanko": "0.38.0", "pyhanko-certvalidator": "0.33.0"}
"""The versions that :data:`PATCHES` was written for; pyproject.toml pins the same."""


class WrongVersion(ImportError):
    """Another version of pyHanko is installed than the one that SealDesk patches."""


def check_versions(installed: dict[str, str]) -> None:
    """Raise :class:`WrongVersion` unless *installed* (package → version) is :data:`PINNED`."""
    for package, wanted in PINNED.items():
        if installed[package] != wanted:
            raise WrongVersion(
                f"SealDesk needs {package} {wanted}, but {installed[package]} is installed. It "
                "replaces internal functions of that version; with another one it could misread "
                "a file. Install the versions of installer/requirements.lock."
            )


check_versions({"pyhanko": _PYHANKO_VERSION, "pyhanko-certvalidator": _VALIDATOR_VERSION})


# ---------------------------------------------------------------- the table


@frozen
class Patch:
    """One function of pyHanko that is replaced for the whole process."""

    places: tuple[str, ...]
    """Where pyHanko looks the function up, as dotted names below ``pyhanko.pdf_utils``."""
    make: Callable[[Any], Any]
    """Takes pyHanko's function and returns the one to install."""
    why: str
    upstream: str
    """What pyHanko does itself."""
    test: str
    """The test that guards the change: file below tests/crypto/pdf, "::", its name."""


def _instead(replacement: Any) -> Callable[[Any], Any]:
    """For a replacement that does not need pyHanko's own function."""
    return lambda _: replacement


PATCHES = (
    Patch(
        ("misc.read_non_whitespace", "generic.read_non_whitespace"),
        tokens.non_whitespace_reader,
        "called before and after every token of a file",
        "tests each byte against several strings",
        "reading/test_pdf_reading.py::test_blanks_and_comments_are_passed_over_as_the_library_does",
    ),
    Patch(
        ("generic.read_until_delimiter",),
        _instead(tokens.read_until_delimiter),
        "names and numbers end at a delimiter",
        "reads byte by byte",
        "reading/test_pdf_reading.py::test_what_stands_before_a_delimiter_is_what_the_library_reads",
    ),
    Patch(
        ("generic.NumberObject.read_from_stream",),
        tokens.number_reader,
        "renderers read the beginning of a number that is too long",
        "reads all of it",
        "reading/test_pdf_plain.py::test_a_name_or_a_number_that_renderers_cut_is_not_read",
    ),
    Patch(
        ("generic._decode_name",),
        tokens.name_decoder,
        "different bytes must stay different names",
        "takes #AE and #C2#AE for one name, and fails on bytes that should be escaped",
        "reading/test_pdf_reading.py::"
        "test_plain_names_are_those_that_the_library_reads_and_no_name_loses_a_byte",
    ),
    Patch(
        ("generic.NameObject.write_to_stream",),
        _instead(tokens.write_name),
        "a name must be written as it is read",
        "writes an escape of one digit for bytes below 16",
        "reading/test_pdf_reading.py::"
        "test_plain_names_are_those_that_the_library_reads_and_no_name_loses_a_byte",
    ),
    Patch(
        ("generic.FloatObject.write_to_stream",),
        _instead(tokens.write_number),
        "a page that is written again must stay readable",
        "writes small and large numbers with an exponent, or fails",
        "signing/test_pdf_sign.py::test_a_number_that_is_written_again_is_one",
    ),
    Patch(
        ("generic.TextStringObject.write_to_stream",),
        tokens.text_writer,
        "an object that is written again must hold the values that were signed",
        "writes every text in PDFDocEncoding where that is possible",
        "signing/test_pdf_sign.py::test_a_text_that_is_written_again_keeps_its_bytes",
    ),
    Patch(
        ("generic.read_hex_string_from_stream",),
        _instead(tokens.read_hex_string),
        "/Contents of a seal signature has hundreds of thousands of digits",
        "reads byte by byte",
        "reading/test_pdf_reading.py::"
        "test_hexadecimal_strings_are_read_as_their_bytes_whatever_space_is_between",
    ),
    Patch(
        ("generic.read_object",),
        lambda library: tokens.object_reader(library, generic._maybe_read_stream_payload),
        "plain objects are read in one pass; every object asks the deadline",
        "reads byte by byte, and for ever where no line follows a comment",
        "reading/test_pdf_plain.py::test_an_object_is_the_one_that_the_library_reads",
    ),
    Patch(
        ("generic.DictionaryObject.read_from_stream",),
        lambda library: staticmethod(
            tokens.trailer_reader(library, generic._maybe_read_stream_payload)
        ),
        "a document has a trailer per revision, and each revision is opened by itself",
        "reads byte by byte",
        "reading/test_pdf_plain.py::test_a_trailer_is_the_one_that_the_library_reads",
    ),
    Patch(
        ("xref.parse_xref_table",),
        tables.table_parser,
        "a table has a row per object",
        "reads each row with several calls",
        "reading/test_pdf_reading.py::test_tables_plain_or_not_are_those_that_the_library_reads",
    ),
    Patch(
        ("xref.XRefSectionData.process_entries",),
        tables.entry_processor,
        "readers disagree on which of two entries for one object counts",
        "takes the last entry",
        "changes/test_pdf_redteam.py::test_a_table_that_names_an_object_twice_is_refused",
    ),
    Patch(
        ("xref.parse_xref_stream",),
        tables.stream_table_parser,
        "a table in a stream must not promise more entries than it has bytes for",
        "passes over entries of an unknown type and counts missing ones as zeros without end",
        "reading/test_pdf_hostile.py::"
        "test_a_table_in_a_stream_that_promises_more_than_it_holds_is_refused",
    ),
    Patch(
        ("xref._check_xref_consistency",),
        tables.consistency_checker,
        "the check compares the tables of all revisions with each other",
        "has no bound of time",
        "reading/test_pdf_reading.py::"
        "test_objects_looked_for_in_the_tables_of_all_revisions_are_so_within_bounds",
    ),
    Patch(
        ("xref.XRefSectionData.higher_generation_refs",),
        tables.generation_lister,
        "Poppler writes the next generation of an object without freeing the one there is",
        "refuses such a file",
        "changes/test_pdf_honest_programs.py::"
        "test_a_former_look_may_be_written_once_more_where_nothing_leads_to_it",
    ),
    Patch(
        ("xref.XRefSectionData.try_resolve",),
        tables.resolver,
        "of an object with a next generation, the one before is gone",
        "finds the one before in an earlier table",
        "changes/test_pdf_honest_programs.py::"
        "test_a_look_that_two_generations_claim_is_not_taken_for_an_empty_one",
    ),
    Patch(
        ("reader.read_next_end_line",),
        tables.line_reader,
        "the last line may be as long as the file",
        "puts each byte before the bytes it has, and has no bound of time",
        "reading/test_pdf_reading.py::test_a_last_line_as_long_as_the_file_is_read_within_bounds",
    ),
    Patch(
        ("filters._png_decode",),
        _instead(our_filters.png_rows),
        "rows may be predicted in five ways (ISO 32000-1 §7.4.4.4)",
        'knows two of them, gives zeros for "none", and has no bound of time',
        "reading/test_pdf_filters.py::test_the_library_decodes_with_these",
    ),
    Patch(
        ("filters.ASCII85Decode.decode",),
        our_filters.ascii85_decoder,
        "base 85 is decoded in Python, a loop for every byte",
        "has no bound of size",
        "reading/test_pdf_filters.py::test_too_much_in_base_85_is_refused",
    ),
    Patch(
        ("filter_mixins.AESCryptFilterMixin.decrypt",),
        decryption.aes_decrypter,
        "MuPDF writes an empty string as no bytes at all, where AES has an initialisation vector",
        "fails, so that whoever changed a title had damaged the document",
        "reading/test_pdf_filters.py::test_an_empty_string_in_an_encrypted_document_is_empty",
    ),
    Patch(
        ("standard._r6_hash_algo",),
        decryption.password_hash,
        "AES-256 as Acrobat 9 wrote it (revision 5) hashes a password once",
        "knows revision 6 alone, so that a password is asked for where none is needed",
        "signing/test_pdf_sign.py::test_a_file_encrypted_without_a_user_password_needs_none",
    ),
    Patch(
        ("standard.StandardSecurityHandler._authenticate_r6",),
        decryption.authenticator,
        "what hashes a password does not know of which revision the document is",
        "takes a revision that it does not know for revision 6",
        "signing/test_pdf_sign.py::test_a_file_encrypted_without_a_user_password_needs_none",
    ),
)

_MODULES = {
    "filter_mixins": filter_mixins,
    "filters": filters,
    "generic": generic,
    "misc": misc,
    "reader": reader,
    "standard": standard,
    "xref": xref,
}
_upstream: dict[str, Any] = {}


def install() -> None:
    """Make all changes of :data:`PATCHES`; ``crypto.pdf`` calls this once, when it is imported."""
    for patch in PATCHES:
        for place in patch.places:
            owner_name, _, attribute = place.rpartition(".")
            owner = _owner(owner_name)
            _upstream[place] = getattr(owner, attribute)
            setattr(owner, attribute, patch.make(_upstream[place]))
    # pyHanko logs each oddity of a file; what matters of them is in our findings and errors
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


def upstream(place: str) -> Any:
    """pyHanko's own function for one of the places of :data:`PATCHES`. Raises KeyError."""
    return _upstream[place]


def _owner(name: str) -> Any:
    module, _, inside = name.partition(".")
    return attrgetter(inside)(_MODULES[module]) if inside else _MODULES[module]


# ---------------------------------------------------------------- inner steps under public names


class ReaderWithHooks(reader.PdfFileReader):
    """pyHanko's reader, with two of its inner steps open to a subclass."""

    @property
    def newest_trailer(self) -> generic.DictionaryObject:
        """The trailer dictionary of the last revision alone."""
        return self.trailer._trailer_revisions[0]

    def object_was_read(self, place: int | xref.ObjStreamRef) -> None:
        """An object that stands at *place* has just been read."""

    def read_from_object_stream(
        self, number: int, stream_number: int, position: int
    ) -> generic.PdfObject:
        """The object *number*, which stands at *position* in the object stream *stream_number*.
        Raises :class:`pyhanko.pdf_utils.misc.PdfReadError`."""
        found: generic.PdfObject = super()._get_object_from_stream(number, stream_number, position)  # type: ignore[no-untyped-call]
        return found

    def _read_object(self, ref: generic.Reference, marker: Any, *args: Any, **named: Any) -> Any:
        found = super()._read_object(ref, marker, *args, **named)
        self.object_was_read(marker)
        return found

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        return self.read_from_object_stream(idnum, stmnum, idx)


_HOLDERS = (
    generic.DictionaryObject,
    generic.ArrayObject,
    generic.IndirectObject,
    generic.DecryptedObjectProxy,
)


class LeanView(reader.HistoricalResolver):
    """pyHanko's view of an earlier revision. It copies every object so that references in it lead
    to that revision, and spends most of the time on objects that hold no reference."""

    def _subsume_object(self, obj: Any) -> Any:
        return super()._subsume_object(obj) if isinstance(obj, _HOLDERS) else obj  # type: ignore[no-untyped-call]


def leaves_properties_alone(writer: type[_T]) -> type[_T]:
    """Class decorator for a subclass of pyHanko's writer: it adds no date, producer or XMP packet
    to the document's properties. (The writer's module is not imported for verifying.)"""
    writer._update_meta = lambda self: None  # type: ignore[attr-defined]
    return writer


def encryption_of(writer: Any) -> Any:
    """What pyHanko's writer is going to put under /Encrypt in the trailer; None if nothing."""
    return writer._encrypt


def set_encryption(writer: Any, encryption: Any) -> None:
    """Put *encryption* there instead."""
    writer._encrypt = encryption
