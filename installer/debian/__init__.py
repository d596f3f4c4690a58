"""The program as a Debian package, laid out as the UOS store asks: /opt/apps/<id>/{entries,files}.

``build`` makes it, ``check`` installs and starts it in a clean Debian.
"""
