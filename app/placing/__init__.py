"""Where marks go: pages as displayed, texts searched for, places worked out, a plan of them.

Only sizes and places: nothing is drawn, and no stranger's file is opened outside a bounded process.
Start reading at :mod:`app.placing.placement`.
"""
