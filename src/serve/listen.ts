/** Where a server listens. */
import { chmod, lstat, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { FleetError } from '../model/errors.ts';
import { systemWords } from '../surroundings/system-error.ts';

export interface ListenWishes {
  /** `ADDRESS:PORT`; an IPv6 address in brackets. */
  readonly listen: string | undefined;
  readonly socket: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

export type Place =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'address'; readonly host: string; readonly port: number };

export const defaultPlace = '127.0.0.1:8000';

const usage = (message: string, hint: string): FleetError =>
  new FleetError('usage', message, { hint });

/** Errors: `usage`. Pure. */
export function placeOf({ listen, socket, tlsCert, tlsKey }: ListenWishes): Place {
  if (socket !== undefined && listen !== undefined)
    throw usage('--socket cannot be used with --listen', 'leave one of the two out');
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw usage('--tls-cert and --tls-key go together', 'name both files');
  if (socket !== undefined) {
    if (tlsCert !== undefined)
      throw usage('a unix socket has no TLS', 'leave --tls-cert and --tls-key out');
    return { kind: 'socket', path: socket };
  }
  const text = listen ?? defaultPlace;
  const [, v6, plain, port = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw usage(
      `--listen must be ADDRESS:PORT (got ${JSON.stringify(text.slice(0, 100))})`,
      `for example --listen ${defaultPlace}`,
    );
  if (tlsCert === undefined && !isLoopback(host))
    throw usage(
      `--listen ${text}: others can reach this address, so it needs TLS`,
      `name its files by --tls-cert and --tls-key, or listen on ${defaultPlace} behind a proxy that has TLS`,
    );
  return { kind: 'address', host, port: Number(port) };
}

/** Only this machine itself. A name is none of it: what it stands for may change. */
const isLoopback = (host: string): boolean =>
  /^127(?:\.\d{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost';

/** Both files of TLS; null: without it. Errors: `usage`, naming the file. */
export async function readTls({
  tlsCert,
  tlsKey,
}: ListenWishes): Promise<{ readonly cert: Buffer; readonly key: Buffer } | null> {
  if (tlsCert === undefined || tlsKey === undefined) return null;
  const read = (option: string, path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw usage(
        `${option} ${path} cannot be read: ${systemWords(cause).said}`,
        'name a PEM file that this user can read',
      );
    });
  const [cert, key] = [await read('--tls-cert', tlsCert), await read('--tls-key', tlsKey)];
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : 'unknown error';
    throw usage(
      `--tls-cert ${tlsCert} and --tls-key ${tlsKey} do not work together: ${said}`,
      'name a certificate in PEM and its key',
    );
  }
  return { cert, key };
}

/**
 * A socket that a dead server has left is taken away; one that answers is another server's. Errors:
 * `usage`.
 */
async function clearSocket(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => null);
  if (facts === null) return;
  if (!facts.isSocket())
    throw usage(`--socket ${path}: there is a file that is no socket`, 'name another place');
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('close', () => undefined);
    probe.unref();
    probe.on('connect', () => probe.destroy());
  });
  if (isAlive)
    throw usage(`--socket ${path}: another server listens there`, 'stop it, or name another place');
  await rm(path, { force: true });
}

/** Listens, and says where. Errors: `usage`, where the place cannot be had. */
export async function listenAt(app: FastifyInstance, place: Place): Promise<string> {
  const wanted = place.kind === 'socket' ? place.path : `${place.host}:${place.port}`;
  if (place.kind === 'socket') await clearSocket(place.path);
  // The socket is made with that mode: there is no moment in which others can connect.
  const mask = process.umask(0o177);
  try {
    if (place.kind === 'socket') {
      await app.listen({ path: place.path });
      await chmod(place.path, 0o600);
      return place.path;
    }
    const one = await app.listen({ host: place.host, port: place.port });
    // Of all addresses the server names one; what was asked for is said.
    const { protocol, port } = new URL(one);
    const host = place.host.includes(':') ? `[${place.host}]` : place.host;
    return `${protocol}//${host}${port === '' ? '' : `:${port}`}`;
  } catch (cause) {
    throw usage(
      `cannot listen at ${wanted}: ${systemWords(cause).said}`,
      'name another place by --listen or --socket',
    );
  } finally {
    process.umask(mask);
  }
}
