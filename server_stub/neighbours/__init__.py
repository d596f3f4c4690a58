"""Those whom the platform asks: register, police, identity service; here a simulated city.

The interfaces are the real ones, behind them is a simulator. No rule of the platform is here.
Start reading at :mod:`server_stub.neighbours.adapters`.
"""
