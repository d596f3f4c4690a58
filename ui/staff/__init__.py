"""The pages of a platform's own people: 审核 and 审计.

They are seen only while a key for that work is plugged in; what they show is checked in
:mod:`app.remote.staff`, nothing is decided here. Start reading at :mod:`ui.staff.staff_page`.
"""
