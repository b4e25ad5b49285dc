"""The worker contract of fleet (docs/custom-workers.md) for Python 3.11, standard library only. Nothing in here knows Telegram."""

import asyncio
import enum
import json
import os
import signal
import socket
from datetime import datetime, timezone
from pathlib import Path

STOP_LIMIT_S = 9  # the contract gives 10
STATUS_AT_LEAST_S = 60
GATE = "/opt/fleet/current/bin/fleet-run"


class Exit(enum.IntEnum):
    """Exit codes. After those from 65 to 68 and after 77 the account is not started again by itself."""

    CLEAN = 0
    UNCLEAN = 1  # connections may still be open: the next start waits longer
    NEEDS_LOGIN = 65
    DUPLICATED = 66
    BANNED = 67
    MISCONFIGURED = 68
    TRANSIENT = 75
    GATE_REFUSED = 77


class Ended(Exception):
    """The worker has to end. `state` and `reason` are what the operator reads; no secret."""

    def __init__(self, code, state, reason):
        super().__init__(reason)
        self.code, self.state, self.reason = code, state, reason


def notify(*lines):
    """Tells systemd: a datagram to the socket that it names (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            pass  # a notice that is lost is followed by another one; the watchdog allows for three


def say(priority, text):
    """A line in the journal: 3 error, 4 warning, 6 information. Never a session, a key or what people wrote."""
    print(f"<{priority}>{' '.join(text.split())[:500]}", flush=True)


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Status:
    """What the world sees: status.json, systemd's status text, and a line in the journal for each change."""

    def __init__(self):
        self._path = Path(os.environ["FLEET_RUNTIME_DIR"], "status.json")
        self.counters = {}
        self._shown = {"format": 1, "state": "starting", "since": now(), "reason": "", "userId": None, "until": None, "latencyMs": None}

    def show(self, state, reason="", *, user_id=None, until=None, latency_ms=None):
        """`user_id` stays once it is known. Give the reason in every state but online."""
        before = self._shown
        since = before["since"] if state == before["state"] else now()
        self._shown = {
            **before,
            **{"state": state, "since": since, "reason": reason, "until": until, "latencyMs": latency_ms},
            "userId": before["userId"] if user_id is None else str(user_id),
        }
        self.write()
        if (state, reason) == (before["state"], before["reason"]):
            return
        text = reason or f"{state}, user {self._shown['userId']}"
        say(6 if state in ("online", "starting", "stopping", "stopped") else 4, text)
        notify(f"STATUS={text}")

    def write(self):
        """Whole or not at all, and readable by fleet's agent: the unit's umask takes the rights of others away."""
        new = self._path.with_name("status.json.new")
        try:
            new.write_text(json.dumps({**self._shown, "updatedAt": now(), "counters": self.counters}))
            new.chmod(0o644)
            new.rename(self._path)
        except OSError as error:
            say(3, f"status.json could not be written: {error.strerror}")


def credentials():
    """Session (one line, in the form that the inventory asks for) and settings of the account. Both are read-only and the unit's alone."""
    try:
        session = Path(os.environ["CREDENTIALS_DIRECTORY"], "session").read_text().strip()
        return session, json.loads(Path(os.environ["FLEET_CONFIG"]).read_text())
    except (KeyError, OSError, ValueError) as error:
        raise Ended(Exit.MISCONFIGURED, "misconfigured", f"the credentials cannot be read ({type(error).__name__})") from None


async def may_connect():
    """Asks the gate, which has to be done before every connection. Raises Ended when this host has lost its right to run the account."""
    gate = await asyncio.create_subprocess_exec(GATE, "--check")
    code = await asyncio.wait_for(gate.wait(), 30)
    if code == Exit.GATE_REFUSED:
        raise Ended(Exit.GATE_REFUSED, "stopped", "")  # the gate has told systemd why
    if code != 0:
        raise OSError(f"the gate could not be asked (exit {code})")


async def _beat(status):
    """In the same loop as the work: one that hangs is ended by systemd."""
    watchdog_s = int(os.environ.get("WATCHDOG_USEC", 0)) / 1_000_000
    while True:
        status.write()
        notify("WATCHDOG=1")
        await asyncio.sleep(min(STATUS_AT_LEAST_S, watchdog_s / 3) if watchdog_s else STATUS_AT_LEAST_S)


async def _run(work):
    status, stop = Status(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_stop():
        notify("STOPPING=1")
        stop.set()
        # What cannot be closed in this time is left to the kernel, as an unclean end.
        loop.call_later(STOP_LIMIT_S, os._exit, Exit.UNCLEAN)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, on_stop)
    # READY says "supervised", not "online": from here on the watchdog counts, and an outage of Telegram is no failed start.
    notify("READY=1")
    beat = loop.create_task(_beat(status))
    try:
        await work(status, stop)
        status.show("stopped", "stopped")
        return Exit.CLEAN
    except Ended as end:
        if end.reason:
            status.show(end.state, end.reason)
        return end.code
    except Exception as error:
        # Its class only: its text may be anything that a library had in hand.
        say(3, f"the worker failed ({type(error).__name__} in {_place(error)})")
        return Exit.UNCLEAN
    finally:
        beat.cancel()


def _place(error):
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    return f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"


def run(work):
    """Runs `await work(status, stop)` to its end, by the contract, and exits. `work` returns soon after `stop` is set, with everything closed."""
    os._exit(asyncio.run(_run(work)))
