"""Group policy for the settings that an administrator may fix; the templates beside it are made.

python3 dev.py policy      SealDesk.admx, zh-CN/SealDesk.adml, en-US/SealDesk.adml
"""
