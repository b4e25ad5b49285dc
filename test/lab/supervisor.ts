/**
 * The inside of a lab: runs alone in fresh network, mount and process namespaces, and everything of
 * the lab is below it, so that its end, however
 * it comes, is the end of all: the kernel kills the processes and drops mounts and networks with
 * the namespaces. Started by keeper.ts.
 *
 * Arguments: name of the lab, suite of its hosts, number of hosts, disk size of a host in MB.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { z } from 'zod';
import { makeHostGroups, shareProcessor } from './cgroups.ts';
import { serveControl } from './control.ts';
import { type DiskSetup, fillDisk, readHostKey, unfillDisk } from './host-disk.ts';
import { aptProxyPort, hostAddress, labFiles, labGateway } from './layout.ts';
import { Machine } from './machine.ts';
import { serveNoNames } from './network/name-server.ts';
import { buildNetwork, cut, delay, heal, limitRate } from './network/network.ts';
import { runCommand } from './run-command.ts';
import { type Suite, suites } from './suites.ts';

const [name = '', suite = '', hostCount = '', diskMb = ''] = process.argv.slice(2);
const files = labFiles(name);

interface Place {
  readonly index: number;
  readonly disk: DiskSetup;
  readonly machine: Machine;
  /**
   * Ends when the acts that were asked for so far have ended: acts on one host happen one after
   * another.
   */
  queue: Promise<unknown>;
}

async function makePlaces(): Promise<Place[]> {
  const authorizedKey = await readFile(`${files.key}.pub`, 'utf8');
  return Array.from({ length: Number(hostCount) }, (_, offset) => {
    const index = offset + 1;
    const hostName = `h${index}`;
    const disk = {
      name: hostName,
      directory: files.disk(hostName),
      sizeMb: Number(diskMb),
      authorizedKey,
    };
    const machine = new Machine({
      lab: name,
      index,
      disk,
      suite: suiteSchema.parse(suite),
      console: files.console(hostName),
    });
    return { index, disk, machine, queue: Promise.resolve() };
  });
}

/**
 * Last seen keys: while a host is being wiped it has none, and the others are described all the
 * same.
 */
const hostKeys = new Map<Place, string>();

async function describeHost(place: Place) {
  const hostKey = await readHostKey(place.disk).catch((error: unknown) => {
    const known = hostKeys.get(place);
    if (known === undefined) throw error;
    return known;
  });
  hostKeys.set(place, hostKey);
  return { name: place.disk.name, address: hostAddress(place.index), hostKey };
}

async function describeAll(places: readonly Place[]) {
  return Promise.all(places.map(describeHost));
}

let knownHostsWritten: Promise<void> = Promise.resolve();

/**
 * One after the other, so that no older key is written over a newer one; whole or not at all,
 * because logins to other hosts read it meanwhile.
 */
function writeKnownHosts(places: readonly Place[]): Promise<void> {
  knownHostsWritten = knownHostsWritten.then(async () => {
    const hosts = await describeAll(places);
    const temporary = `${files.knownHosts}.new`;
    await writeFile(temporary, hosts.map((host) => `${host.address} ${host.hostKey}\n`).join(''));
    await rename(temporary, files.knownHosts);
  });
  return knownHostsWritten;
}

/** Passes the hosts' package requests to the proxy outside, which alone can reach a mirror. */
function serveAptFront(): Promise<void> {
  const server = createServer((fromHost) => {
    const toProxy = connectSocket(files.aptSocket);
    fromHost.on('error', () => toProxy.destroy());
    toProxy.on('error', () => fromHost.destroy());
    fromHost.pipe(toProxy).pipe(fromHost);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(aptProxyPort, labGateway, resolve);
  });
}

const suiteSchema = z.enum(suites as readonly [Suite, ...Suite[]]);
const indexSchema = z.number().int().positive();
const cutSchema = z.enum(['link', 'drop', 'in', 'out']);
const contentSchema = z.enum(['bare', 'equipped']);
const amountSchema = z.number().nonnegative();

function hostActs(places: readonly Place[]) {
  const onHost =
    (act: (place: Place, detail: unknown, more: unknown) => Promise<unknown>) =>
    (index: unknown, detail: unknown, more: unknown) => {
      const place = places[indexSchema.parse(index) - 1];
      if (!place) throw new Error(`the lab has ${places.length} hosts, no h${String(index)}`);
      const done = place.queue.then(() => act(place, detail, more));
      place.queue = done.catch(() => {});
      return done;
    };
  return {
    start: onHost((place) => place.machine.start()),
    isOn: onHost(async (place) => place.machine.on),
    kill: onHost((place) => place.machine.kill()),
    crash: onHost((place) => place.machine.crash()),
    firmware: onHost(async (place, ms) => {
      place.machine.firmwareMs = z.int().nonnegative().parse(ms);
    }),
    reboot: onHost((place) => place.machine.reboot()),
    wipe: onHost(async (place, content, asked) => {
      await place.machine.wipe(
        contentSchema.parse(content),
        suiteSchema.nullish().parse(asked) ?? undefined,
      );
      await writeKnownHosts(places);
      return describeHost(place);
    }),
    cut: onHost((place, how) => cut(place.index, cutSchema.parse(how))),
    heal: onHost((place) => heal(place.index)),
    rate: onHost((place, kilobits) => limitRate(place.index, amountSchema.parse(kilobits))),
    slow: onHost((place, ms) => delay(place.index, z.int().nonnegative().parse(ms))),
    fill: onHost((place, leaveKb) => fillDisk(place.disk, amountSchema.parse(leaveKb))),
    unfill: onHost((place) => unfillDisk(place.disk)),
  };
}

async function main(): Promise<void> {
  // nspawn and ip keep their notes under /run: these are this lab's own and go with it
  await runCommand(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'lab-run', '/run']);
  await buildNetwork();
  await serveAptFront();
  await serveNoNames(labGateway);
  const places = await makePlaces();
  await Promise.all(places.map((place) => place.machine.makeDisk()));
  await writeKnownHosts(places);
  for (const place of places) makeHostGroups(name, place.disk.name);
  shareProcessor(name, places.length);
  await Promise.all(places.map((place) => place.machine.start()));
  await serveControl(files.controlSocket, {
    ...hostActs(places),
    describe: () => describeAll(places),
    down: () => setTimeout(() => process.exit(0), 20),
  });
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
