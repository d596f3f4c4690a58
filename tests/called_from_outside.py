"""Vulture's allow-list (`dev.py lint`): names that are used, though nothing here names them.

A line without a reason does not belong here; a name that nobody calls is deleted instead.
"""

from typing import Any

_: Any = object()

# Qt calls what it finds overridden.
_.closeEvent
_.columnCount
_.createEditor
_.dragLeaveEvent
_.contextMenuEvent
_.dropEvent
_.mimeTypes
_.startDrag
_.enterEvent
_.expandingDirections
_.headerData
_.leaveEvent
_.mimeTypes
_.mouseMoveEvent
_.mouseReleaseEvent
_.paintEvent
_.scrollContentsBy
_.setEditorData
_.setModelData
_.startDrag
_.textElideMode
_.updateEditorGeometry

# hypothesis calls it after each life (tests/server/web/test_lives.py).
_.teardown

# PyMuPDF reads what was set on a form field (benchmarks/later.py).
_.field_value
_.text_fontsize

# The window loads its pages by their class names (ui/shell/window.py).
_.JournalPage
_.SettingsPage

# What a page has to offer, for whoever adds one; the window calls pages by name.
_.WindowPage

# The style sheet names the colours of a palette (resources/*.qss).
_.accent_hover
_.canvas
_.hover

# pyHanko's hooks and attributes: overridden or set, called or read by pyHanko.
_.IO_CHUNK_SIZE
_._encoded_data
_._update_meta
_.digest_aware_write

# The standard library's protocols: io.RawIOBase, zipfile.ZipInfo, xml.parsers.expat,
# http.server.BaseHTTPRequestHandler, html.parser.HTMLParser, configparser, the class a proxy shows,
# subclasses told to their base.
_.CharacterDataHandler
_.EndElementHandler
_.EntityDeclHandler
_.ExternalEntityRefHandler
_.SkippedEntityHandler
_.StartDoctypeDeclHandler
_.StartElementHandler
_.__class__
_.__init_subclass__
_.do_DELETE
_.do_GET
_.handle_data
_.handle_starttag
_.log_message
_.optionxform
_.protocol_version
_.readable
_.seekable
_.trace

# ctypes, SQLAlchemy, pydantic, uvicorn, python-pkcs11's enumerations and fontTools read these.
_._name_
_._value_
_.drop_tables
_.isolation_level
_.model_config
_.name_IDs
_.should_exit
_.type_annotation_map

# A message's words: app/errors.py's fields are filled into the text by name.
_.bottom_mm
_.right_mm
_.slice_mm

# Calling an instance of a protocol is how mypy sees a function (crypto/pki/cms.py).
_.__call__

# Columns that no rule of the program reads back: the audit compares them.
_.end_reason
_.holder_id
_.second_reviewer
_.token_sm3


# SQLAlchemy calls it before every statement.
_._no_bulk

# A column: how to reach a person, for whoever runs the platform.
_.phone_enc

# pytest's hooks and marks, and fixtures asked for by a parameter that the test does not read.
_.choking
_.collector
_.fresh_processes
_.pytest_collect_directory
_.pytest_collection_finish
_.pytest_collection_modifyitems
_.pytest_configure
_.pytest_plugins
_.pytest_runtestloop
_.pytest_terminal_summary
_.pytest_testnodedown
_.pytest_unconfigure
_.pytestmark

# pytest asks a report's node for them (tests/world/workers.py).
_.gateway
_.workerinfo

# A registry that a test stands in for has these two (app/settings.py asks for them).
_.HKEY_CURRENT_USER
_.HKEY_LOCAL_MACHINE

# The programs that tests/flows/test_crashing_*.py kill import it; they are texts there.
_.ends_at
