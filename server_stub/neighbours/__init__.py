"""Those whom the platform asks: register, police, identity service; here a simulated city.

The interfaces are the real ones; what stands behind them here is a faithful simulator.
Start reading at :mod:`server_stub.neighbours.adapters`.
"""
