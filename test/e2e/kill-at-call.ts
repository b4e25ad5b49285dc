/**
 * Preloaded into fleet (`NODE_OPTIONS=--import`): ends the process without warning at its Nth
 * remote call, counted over all hosts. A call is a connection, a
 * command, or a stream to a socket. `FLEET_KILL_AT`: `N:before`, nothing of the call is sent;
 * `N:after:MS`, so long after it was sent; `0`, never.
 * `FLEET_CALLS_FILE`: where a process that ends by itself leaves the number of its calls of each
 * kind, as JSON.
 */
import { writeFileSync } from 'node:fs';
import ssh2 from 'ssh2';

const [call = '0', when = 'before', delayMs = '0'] = (process.env.FLEET_KILL_AT ?? '').split(':');
const fatal = Number(call);
let calls = 0;
const counts: Record<string, number> = { connect: 0, exec: 0, openssh_forwardOutStreamLocal: 0 };

const die = (): void => void process.kill(process.pid, 'SIGKILL');

// biome-ignore lint/suspicious/noExplicitAny: whatever the method takes is handed on
type Method = (this: ssh2.Client, ...args: any[]) => unknown;
const methods = ssh2.Client.prototype as unknown as Record<string, Method>;

for (const name of Object.keys(counts)) {
  const original = methods[name];
  if (original === undefined) throw new Error(`ssh2 has no ${name} any more`);
  methods[name] = function (...args) {
    calls += 1;
    counts[name] = (counts[name] ?? 0) + 1;
    if (calls === fatal && when === 'before') die();
    const result = original.apply(this, args);
    if (calls === fatal && when === 'after') setTimeout(die, Number(delayMs));
    return result;
  };
}

const file = process.env.FLEET_CALLS_FILE;
if (file !== undefined) process.on('exit', () => writeFileSync(file, JSON.stringify(counts)));
