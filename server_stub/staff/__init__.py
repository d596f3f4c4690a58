"""What the platform's own people work with: the review queue, and the auditor's search.

Nothing is decided here: decisions are in :mod:`server_stub.applying`, the ledger's own rules below
:mod:`server_stub.records`. Start reading at :mod:`server_stub.staff.review_queue`.
"""
