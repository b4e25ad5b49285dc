"""An account worker on Telethon: stays online, counts what comes in. Written for and run with Telethon 1.25.1.

One connection at a time: each is a new client, the gate is asked before it, and the old one is known to be closed. Telegram destroys a session
that it sees on two connections, so the client's own reconnecting stays off.
"""

import asyncio
import fcntl
import logging
import random
import socket
import struct
import termios
import time
from datetime import datetime, timedelta, timezone

from telethon import TelegramClient, errors, events
from telethon.network import ConnectionTcpFull
from telethon.sessions import StringSession
from telethon.tl import functions, types

from fleet_worker import Ended, Exit, credentials, may_connect, run

CONNECT_LIMIT_S = 30
CHECK_LIMIT_S = 15
QUICK_TRIES = 3
RETRY_S = 5
LONGEST_RETRY_S = 300
# A server in trouble may say once that it does not know a key.
UNKNOWN_KEY_LIMIT = 3
UNKNOWN_KEY = "Telegram does not know the session's key"
MISCONFIGURED = ("API_ID_", "CONNECTION_", "LANG_CODE_", "SYSTEM_LANG_CODE_")

logging.getLogger("telethon").setLevel(logging.CRITICAL)  # its errors may hold whole requests


class Line(ConnectionTcpFull):
    """A connection that opens once, and of which the kernel sends nothing any more once it is closed."""

    link = None

    async def connect(self, timeout=None, ssl=None):
        if self.link.line is not None:
            raise ConnectionError("this client had its connection")
        self.link.line = self
        try:
            await super().connect(timeout=timeout, ssl=ssl)
        except (OSError, asyncio.TimeoutError) as error:
            self.link.fault = str(error) or "Telegram did not take the connection in time"
            raise

    async def disconnect(self):
        self._connected = False  # nothing is sent from here on
        sock = self._writer and self._writer.get_extra_info("socket")
        if sock and sock.fileno() >= 0:
            for _ in range(20):
                if not self._unsent(sock):
                    break
                await asyncio.sleep(0.1)
            else:
                # Nobody takes it: reset, or the kernel would deliver it when the network is back, next to a newer connection.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()
        await super().disconnect()

    def _unsent(self, sock):
        (queued,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))
        return queued + self._writer.transport.get_write_buffer_size()


class Link:
    """One client with its one connection."""

    def __init__(self, session, config, on_message):
        self.line, self.fault, self.latency_ms = None, None, None
        self.client = TelegramClient(
            StringSession(session), config["apiId"], config["apiHash"],
            connection=type("LinkLine", (Line,), {"link": self}),
            device_model=config["deviceModel"], system_version=config["systemVersion"], app_version=config["appVersion"],
            lang_code=config["langCode"], system_lang_code=config["langCode"],
            auto_reconnect=False, connection_retries=0, request_retries=0, flood_sleep_threshold=0,
        )
        self.client.add_event_handler(on_message, events.NewMessage(incoming=True))

    async def open(self):
        await asyncio.wait_for(self.client.connect(), CONNECT_LIMIT_S)
        return await self.check()

    async def check(self):
        """Only the answer to "who am I" makes an account online. Returns the user's id."""
        asked = time.monotonic()
        (me,) = await asyncio.wait_for(self.client(functions.users.GetUsersRequest([types.InputUserSelf()])), CHECK_LIMIT_S)
        self.latency_ms = round((time.monotonic() - asked) * 1000)
        if getattr(me, "deleted", False):
            raise Ended(Exit.BANNED, "banned", "Telegram says that this account is deleted")
        return me.id

    async def close(self):
        try:
            await asyncio.wait_for(self.client.disconnect(), 5)
        except Exception:  # its own clean-up may fail; what counts is the line
            pass
        if self.line is not None:
            await self.line.disconnect()


def refuse(error):
    """Raises Ended for what no further try can mend: asking again and again costs trust."""
    if isinstance(error, errors.AuthKeyDuplicatedError):
        raise Ended(Exit.DUPLICATED, "duplicated", "the session was used over two connections at once; Telegram has destroyed it (AUTH_KEY_DUPLICATED)")
    if isinstance(error, (errors.UserDeactivatedError, errors.UserDeactivatedBanError, errors.PhoneNumberBannedError)):
        raise Ended(Exit.BANNED, "banned", f"the account is banned or deactivated ({name_of(error)})")
    if isinstance(error, errors.RPCError) and error.code == 401:
        raise Ended(Exit.NEEDS_LOGIN, "needs-login", f"the session is no longer logged in ({name_of(error)})")
    if isinstance(error, errors.RPCError) and (error.code == 406 or name_of(error).startswith(MISCONFIGURED)):
        raise Ended(Exit.MISCONFIGURED, "misconfigured", f"Telegram refuses this client ({name_of(error)})")


def name_of(error):
    """SESSION_REVOKED for SessionRevokedError."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{letter}" if letter.isupper() and at else letter for at, letter in enumerate(name)).upper()


class Account:
    def __init__(self, status, stop):
        self.status, self.stop = status, stop
        self.session, self.config = credentials()
        try:
            StringSession(self.session)
        except (ValueError, struct.error):
            raise Ended(Exit.MISCONFIGURED, "misconfigured", "the session credential is not a Telethon string: session_format in the inventory") from None
        self.tries, self.unknown_key = 0, 0
        status.counters.update(connects=0, failed_connects=0, lost_connections=0, health_checks=0, messages=0)

    def count(self, name):
        self.status.counters[name] += 1

    async def on_message(self, event):
        # The place for what your worker does. What it must remember goes into FLEET_STATE_DIR, which moves with the account.
        self.count("messages")

    async def work(self):
        while not self.stop.is_set():
            link = Link(self.session, self.config, self.on_message)
            opened = False
            try:
                await self.unless_stopped(may_connect())
                if self.stop.is_set():
                    return
                user_id = await self.unless_stopped(link.open())
                opened = user_id is not None
                if opened:
                    self.count("connects")
                    await self.stay(link, user_id)
                pause_s = 0
            except Ended:
                raise
            except Exception as error:
                refuse(error)
                self.count("lost_connections" if opened else "failed_connects")
                pause_s = self.troubled(error, link)
            finally:
                await link.close()
            await self.unless_stopped(asyncio.sleep(pause_s))

    async def stay(self, link, user_id):
        """Returns when the worker is to stop, raises when the connection is lost."""
        lost = asyncio.ensure_future(link.client.disconnected)
        try:
            while not self.stop.is_set():
                self.status.show("online", user_id=user_id, latency_ms=link.latency_ms)
                await self.unless_stopped(asyncio.wait([lost], timeout=self.config["healthIntervalMs"] / 1000))
                if lost.done():
                    cause = lost.exception()
                    raise ConnectionError("the connection was lost") if cause is None or isinstance(cause, OSError) else cause
                await self.unless_stopped(link.check())
                self.count("health_checks")
                self.tries = self.unknown_key = 0
        finally:
            lost.cancel()

    def troubled(self, error, link):
        """Shows what is wrong; returns after how many seconds to try again."""
        self.tries += 1
        wait_s = self.wait_of(error)
        if wait_s is not None:
            until = datetime.now(timezone.utc) + timedelta(seconds=wait_s)
            text = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self.status.show("flood-wait", f"Telegram asks to wait {wait_s} s", until=text)
            return wait_s
        if isinstance(error, errors.AuthKeyNotFound):
            self.unknown_key += 1
            if self.unknown_key == UNKNOWN_KEY_LIMIT:
                raise Ended(Exit.NEEDS_LOGIN, "needs-login", UNKNOWN_KEY)
        was_online = self.status.counters["connects"] > 0
        state = "offline" if self.tries > QUICK_TRIES else "reconnecting" if was_online else "starting"
        self.status.show(state, link.fault or self.described(error))
        if self.tries <= QUICK_TRIES:
            return RETRY_S * (0.2 if self.tries == 1 else 1)
        return min(2 * RETRY_S * 2 ** (self.tries - QUICK_TRIES), LONGEST_RETRY_S) * random.uniform(0.5, 1)

    @staticmethod
    def wait_of(error):
        """Seconds for which Telegram wants to be left alone; it is obeyed."""
        if isinstance(error, errors.FloodWaitError):
            return error.seconds
        # A transport error for which Telegram names no time.
        return 60 if isinstance(error, errors.InvalidBufferError) and error.code == 429 else None

    @staticmethod
    def described(error):
        if isinstance(error, errors.RPCError):
            return f"Telegram answered {error.code} {name_of(error)}"
        if isinstance(error, errors.AuthKeyNotFound):
            return UNKNOWN_KEY
        if isinstance(error, asyncio.TimeoutError):
            return "Telegram did not answer in time"
        return str(error) if isinstance(error, OSError) and str(error) else f"the client failed ({type(error).__name__})"

    async def unless_stopped(self, doing):
        """Its result; None when the worker is to stop first, and then it is cancelled."""
        task, stop = asyncio.ensure_future(doing), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for each in (task, stop):
                each.cancel()


async def work(status, stop):
    status.show("starting", "starting")
    await Account(status, stop).work()


run(work)
