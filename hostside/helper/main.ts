import { writeSync } from 'node:fs';
import { bootIdentity } from '../machine/boot-identity.ts';
import { parseJson } from '../machine/json-shape.ts';
import { lookAtMachine } from '../machine/know-machine.ts';
import { placesBelow } from '../machine/places.ts';
import { loginIdPattern, relayLogin, systemdLogins } from './relay-login.ts';
import { parseRequest, requestLimitBytes } from './request.ts';
import { runRequest } from './run-request.ts';
import { systemdUnits } from './units.ts';

/** How long the request may take to arrive. */
const inputTimeoutMs = 60_000;

/** All of standard input; null when it is larger than the limit or does not end in time. */
const readInput = async (): Promise<string | null> => {
  const timer = setTimeout(() => process.stdin.destroy(), inputTimeoutMs);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    length += chunk.length;
    if (length > requestLimitBytes) return null;
    chunks.push(chunk);
  }
  clearTimeout(timer);
  return Buffer.concat(chunks).toString('utf8');
};

/** Written at once, so that a broken pipe is seen here and not later. */
const emit = (line: unknown): boolean => {
  try {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
    return true;
  } catch {
    return false;
  }
};

const unreadable = (fault: string): number => {
  console.error(`fleet-host: the request is not readable: ${fault}`);
  return 2;
};

/** `fleet-host login ID`. */
const login = async (id: string): Promise<number> => {
  if (!loginIdPattern.test(id)) return unreadable('a login has an id of 16 hex digits');
  const places = placesBelow(process.env.FLEET_ROOT ?? '/');
  process.stdout.on('error', () => undefined);
  return relayLogin(id, {
    places,
    units: systemdLogins,
    input: process.stdin,
    output: process.stdout,
  });
};

const main = async (): Promise<number> => {
  const startedMs = performance.now();
  // An SSH connection that ends must not end an act half-way.
  for (const signal of ['SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => undefined);
  if (process.argv[2] === 'login') return login(process.argv[3] ?? '');
  const text = await readInput();
  if (text === null) return unreadable(`larger than ${requestLimitBytes} bytes`);
  const parsed = parseRequest(parseJson(text));
  if ('fault' in parsed) return unreadable(parsed.fault);
  const root = process.env.FLEET_ROOT ?? '/';
  const places = placesBelow(root);
  const bootId = bootIdentity(places);
  if (bootId === null) return unreadable('the kernel shows no boot id');
  return runRequest(parsed.request, {
    places,
    units: systemdUnits,
    bootId,
    instanceId: lookAtMachine(places).instanceId,
    now: () => new Date(),
    proofMs: 5_000,
    elapsedMs: () => performance.now() - startedMs,
    emit,
  });
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`fleet-host: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
