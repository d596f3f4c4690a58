"""An evidence package (电子证据): made from one document, and checked again without trust in it.

It never says more than its files prove. What the platform adds to a dispute is elsewhere.
Start reading at :mod:`app.evidence.making`.
"""
