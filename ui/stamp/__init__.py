"""盖章: documents, places, checks, the run and its results.

Preview and output come from the same list of marks. The PIN is asked for last and never kept.
Start reading at :mod:`ui.stamp.stamp_page`.
"""
