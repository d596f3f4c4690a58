"""Seals in PDF documents: reading, marks, later changes, signing, look-alikes, verifying.

Nothing here renders a page or reaches a network. The packages stand on one another in that order.
Start reading at :mod:`crypto.pdf.verify`, the story of verifying.

pyHanko is patched before anything else here imports it.
"""

from crypto.pdf.reading.pyhanko_patches import install

install()
