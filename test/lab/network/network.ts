import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { hostAddress, hostHardwareAddress, labGateway, telegramRanges } from '../layout.ts';
import { runCommand, tryCommand } from '../run-command.ts';

/**
 * `link`: the host sees its carrier go. The others are silent: `drop` both ways, `in` only to the
 * host, `out` only from it.
 */
export type Cut = 'link' | 'drop' | 'in' | 'out';

const bridge = 'lab0';
const gatewayHardwareAddress = '02:fb:00:00:ff:01';

/** The lab's end of a host's cable. */
function cable(index: number): string {
  return `host${index}`;
}

/**
 * Makes the network that this process stands in the lab's: a bridge, Telegram's addresses routed to
 * itself, no way out. To be called once, inside
 * a fresh network namespace.
 */
export async function buildNetwork(): Promise<void> {
  const lines = [
    'link set lo up',
    // an address of its own: a bridge otherwise takes one of its ports' and changes it as hosts
    // come and go, under the peers' feet
    `link add ${bridge} address ${gatewayHardwareAddress} type bridge forward_delay 0`,
    `addr add ${labGateway}/24 dev ${bridge}`,
    // a port that is always there keeps the bridge's carrier when every host is off
    'link add lab1 type veth peer name lab2',
    'link set lab2 arp off up',
    `link set lab1 master ${bridge} up`,
    `link set ${bridge} up`,
    ...telegramRanges.map((range) => `route add local ${range} dev lo`),
    // with forwarding on, a host that tries anything else is told so at once instead of waiting for
    // a time-out
    'route add unreachable default',
  ];
  await runCommand(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  await runCommand(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
  await runCommand(['nft', '-f', '-'], {
    input: `table bridge cuts {
      set from { type ifname; }
      set to { type ifname; }
      chain arriving { type filter hook prerouting priority 0; iifname @from drop; }
      chain leaving { type filter hook postrouting priority 0; oifname @to drop; }
    }`,
  });
}

function namespaceOf(index: number): string {
  return `/run/netns/${cable(index)}`;
}

/**
 * A fresh network namespace and cable for a host that is about to boot, so that no socket, rule or
 * setting of an earlier boot lives on, as after a
 * power cycle. Returns the path of the namespace.
 */
export async function plugIn(index: number): Promise<string> {
  const name = cable(index);
  await unplug(index);
  await runCommand(['ip', 'netns', 'add', name]);
  const outside = [
    `link add ${name} type veth peer name eth0 address ${hostHardwareAddress(index)} netns ${name}`,
    `link set ${name} master ${bridge} up`,
    // known for good: a host that is off is silence, as it is across the internet, and not a failed
    // neighbour look-up
    `neigh replace ${hostAddress(index)} lladdr ${hostHardwareAddress(index)} nud ` +
      `permanent dev ${bridge}`,
  ];
  const inside = [
    'link set lo up',
    `addr add ${hostAddress(index)}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${labGateway}`,
  ];
  await runCommand(['ip', '-batch', '-'], { input: `${outside.join('\n')}\n` });
  await runCommand(['ip', '-n', name, '-batch', '-'], { input: `${inside.join('\n')}\n` });
  return namespaceOf(index);
}

/** Removes cable and namespace. Nothing to do where there are none. */
export async function unplug(index: number): Promise<void> {
  await tryCommand(['ip', 'link', 'delete', cable(index)]);
  await tryCommand(['ip', 'netns', 'delete', cable(index)]);
}

/** Takes the carrier away, as an unplugged cable does: what the host still sends reaches nobody. */
export async function linkDown(index: number): Promise<void> {
  await tryCommand(['ip', 'link', 'set', cable(index), 'down']);
}

const silentSets: Readonly<Record<Exclude<Cut, 'link'>, readonly string[]>> = {
  drop: ['from', 'to'],
  in: ['to'],
  out: ['from'],
};

/**
 * Cuts a host off. Safe to repeat; cuts add up until {@link heal}. A silent cut outlives a reboot
 * of the host.
 */
export async function cut(index: number, how: Cut): Promise<void> {
  if (how === 'link') return linkDown(index);
  const lines = silentSets[how].map(
    (set) => `add element bridge cuts ${set} { "${cable(index)}" }`,
  );
  await runCommand(['nft', '-f', '-'], { input: `${lines.join('\n')}\n` });
}

/** Takes back every cut of a host. */
export async function heal(index: number): Promise<void> {
  await tryCommand(['ip', 'link', 'set', cable(index), 'up']);
  for (const set of silentSets.drop)
    await tryCommand(['nft', `delete element bridge cuts ${set} { "${cable(index)}" }`]);
}

/**
 * Limits what reaches a host to this many kilobits a second; 0 takes the limit away. A boot does so
 * too.
 */
export async function limitRate(index: number, kilobits: number): Promise<void> {
  await tryCommand(['tc', 'qdisc', 'delete', 'dev', cable(index), 'root']);
  if (kilobits === 0) return;
  await runCommand([
    'tc',
    'qdisc',
    'add',
    'dev',
    cable(index),
    'root',
    'tbf',
    'rate',
    `${kilobits}kbit`,
    'burst',
    '16kb',
    'latency',
    '200ms',
  ]);
}

/** Hosts with a delay of so many ms on the way from them. */
const slow = new Map<number, number>();
const delayers = new Map<number, Promise<unknown>>();

let ruled: Promise<unknown> = Promise.resolve();

/**
 * Makes every answer of a host `ms` later, so that round trips to it take that long; 0 takes the
 * delay away. A boot does not.
 */
export async function delay(index: number, ms: number): Promise<void> {
  if (ms > 0) await delayer(ms);
  if (ms > 0) slow.set(index, ms);
  else slow.delete(index);
  // By iptables: where a kernel lacks nftables' own queue it still has that of its predecessor.
  // Each call writes the whole table, one after another.
  ruled = ruled.then(() =>
    runCommand(['iptables-restore', '--table', 'mangle'], { input: delayRules() }),
  );
  await ruled;
}

const delayRules = (): string => {
  const rules = [...slow].map(
    ([host, ms]) => `-A INPUT -s ${hostAddress(host)} -j NFQUEUE --queue-num ${ms} --queue-bypass`,
  );
  return `${['*mangle', ':INPUT ACCEPT', ...rules, 'COMMIT'].join('\n')}\n`;
};

/**
 * The program that holds packets for `ms`, which is also the number of its queue. It ends with the
 * lab.
 */
function delayer(ms: number): Promise<unknown> {
  const program = fileURLToPath(new URL('./delay.py', import.meta.url));
  const running =
    delayers.get(ms) ??
    once(
      spawn('/usr/bin/python3', ['-I', '-S', program, String(ms), String(ms)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }).stdout,
      'data',
    );
  delayers.set(ms, running);
  return running;
}
