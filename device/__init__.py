"""The Ukey: PKCS#11 sessions, vendor profiles, PIN states and hot-plug. Knows no other package."""
