"""What a visible mark is: drawn, read back, and compared with the signed imprint.

A mark's picture is compared, never believed, and never rendered.
Start reading at :mod:`crypto.pdf.marks.check`.
"""
