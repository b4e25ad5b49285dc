"""Reads sessions with Telethon itself and writes what it found as JSON lines. Arguments: `string FILE` or `file FILE`, any number of pairs."""
import json
import sys

from telethon.sessions import SQLiteSession, StringSession

arguments = sys.argv[1:]
for kind, path in zip(arguments[::2], arguments[1::2]):
    session = StringSession(open(path).read().strip()) if kind == "string" else SQLiteSession(path)
    found = {"dc": session.dc_id, "address": session.server_address, "port": session.port, "key": session.auth_key.key.hex()}
    if kind == "file":
        found["self"] = session.get_entity_rows_by_id(0, exact=False)[1] if session.get_entity_rows_by_id(0, exact=False) else None
        session.close()
    print(json.dumps(found))
