"""Where settings are written down: a TOML file, the Windows registry.

What is there is read as it stands and never judged; :mod:`app.settings` does that.
Start reading at :mod:`app.settings_sources.toml_file`.
"""
