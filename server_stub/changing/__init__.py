"""What becomes of an application, and by it of a seal: made, replaced, renewed, cancelled.

Assessing asks the neighbours, fulfilling changes everything at once. Never here: how a seal is made
(:mod:`server_stub.issuing`), and who decides (:mod:`server_stub.applying`).

Start reading at :mod:`server_stub.changing.fulfilling`.
"""
