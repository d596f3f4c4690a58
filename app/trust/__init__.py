"""信任: what a person does about a verdict that lacks a proof: trust a platform, fetch what is
missing.

Nothing is trusted because a file says so, and nothing is fetched before somebody asks.
Start reading at :mod:`app.trust.platforms`.
"""
