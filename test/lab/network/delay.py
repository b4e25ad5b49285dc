"""
delay.py QUEUE MS: holds every packet that the kernel hands to netfilter queue QUEUE for MS, then lets it go. A stand-in for `tc netem`, which
not every kernel has. Packets are delayed where they arrive: held where they leave they would count against the sending socket and stall it.
"""
import collections
import select
import socket
import struct
import sys
import time

queue, hold = int(sys.argv[1]), float(sys.argv[2]) / 1000
NETFILTER, SUBSYSTEM, PACKET, VERDICT, CONFIG = 12, 3 << 8, 0, 1, 2
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
link.bind((0, 0))
link.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE: bursts of many hosts fit in


def padded(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + b"\0" * (-size % 4)


def send(kind, attributes):
    body = struct.pack("=BB", socket.AF_UNSPEC, 0) + struct.pack("!H", queue) + attributes
    link.send(struct.pack("=IHHII", 16 + len(body), SUBSYSTEM | kind, 1, 0, 0) + body)


def packet_ids(data):
    at = 0
    while at + 16 <= len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        field, end = at + 20, at + size
        while kind == SUBSYSTEM | PACKET and field + 4 <= end:
            length, name = struct.unpack_from("=HH", data, field)
            if name & 0x3FFF == 1:  # NFQA_PACKET_HDR begins with the id
                yield data[field + 4 : field + 8]
                break
            field += max(4, length + 3 & ~3)
        at += max(16, size + 3 & ~3)


send(CONFIG, padded(1, struct.pack("!BxH", 1, socket.AF_INET)))  # take the queue
send(CONFIG, padded(2, struct.pack("!IB", 0, 1)))  # without the packets' content
send(CONFIG, padded(3, struct.pack("!I", 50_000)))  # packets in the queue at most
print("ready", flush=True)
held = collections.deque()
poll = select.poll()
poll.register(link, select.POLLIN)
while True:
    wait = None if not held else max(0.0, held[0][0] - time.monotonic()) * 1000
    if poll.poll(wait):
        try:
            due = time.monotonic() + hold
            held.extend((due, one) for one in packet_ids(link.recv(1 << 17)))
        except OSError:
            pass  # the kernel's buffer ran over: those packets are lost, as on a crowded line
    while held and held[0][0] <= time.monotonic() + 0.0002:
        send(VERDICT, padded(2, struct.pack("!I", 1) + held.popleft()[1]))
