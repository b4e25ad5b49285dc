import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { shortHash } from '../layout.ts';
import type { AptSource } from './apt-mirrors.ts';

/**
 * An index without a digest in its name is asked for again after this time, so that offline and
 * repeated runs need no mirror.
 */
const freshMs = 6 * 3600_000;
const upstreamTimeoutMs = 60_000;

/** Why a request gets no file, with the HTTP status that says so. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The mirror's address of what a host asks for; undefined for all that is not below one of the
 * sources. Hosts always ask over http, the machine's
 * own sources may say https.
 */
export function upstreamOf(requested: string, sources: readonly AptSource[]): string | undefined {
  if (!URL.canParse(requested)) return undefined;
  const url = new URL(requested);
  const plain = `${url.protocol}//${url.host}${url.pathname}`;
  if (url.protocol !== 'http:' || url.search !== '') return undefined;
  const source = sources.find(({ uri }) =>
    plain.startsWith(`${uri.replace(/^https:/, 'http:').replace(/\/$/, '')}/`),
  );
  return source && (source.uri.startsWith('https:') ? plain.replace(/^http:/, 'https:') : plain);
}

/** Files whose name changes with their content are kept for good. */
function isImmutable(path: string): boolean {
  return path.endsWith('.deb') || path.includes('/by-hash/');
}

/**
 * A caching proxy for apt on a unix socket. Fetches only from the given sources; what it has once,
 * it serves without asking again (packages), or
 * when the mirror does not answer (indexes).
 */
export async function serveAptProxy(
  socket: string,
  cache: string,
  sources: readonly AptSource[],
): Promise<Server> {
  await mkdir(cache, { recursive: true });
  const fetching = new Map<string, Promise<string>>();
  const server = createServer((request, response) => void respond(request, response));

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const upstream =
        request.method === 'GET' ? upstreamOf(request.url ?? '', sources) : undefined;
      if (upstream === undefined)
        throw new Refusal(403, 'not below a package source of this machine');
      const file = await cached(upstream);
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': (await stat(file)).size,
      });
      await pipeline(createReadStream(file), response);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      response.writeHead(error instanceof Refusal ? error.status : 502, {
        'content-type': 'text/plain',
      });
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }

  function cached(upstream: string): Promise<string> {
    const running = fetching.get(upstream);
    if (running) return running;
    const file = join(
      cache,
      `${shortHash(upstream)}-${basename(new URL(upstream).pathname).slice(-120)}`,
    );
    const done = freshFile(upstream, file).finally(() => fetching.delete(upstream));
    fetching.set(upstream, done);
    return done;
  }

  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(socket, () => resolve(server));
  });
}

async function freshFile(upstream: string, file: string): Promise<string> {
  const had = existsSync(file);
  if (had && (isImmutable(upstream) || Date.now() - (await stat(file)).mtimeMs < freshMs))
    return file;
  const draft = `${file}.${process.pid}`;
  try {
    const answer = await fetch(upstream, { signal: AbortSignal.timeout(upstreamTimeoutMs) });
    if (!answer.ok || !answer.body)
      throw new Refusal(answer.status, `the mirror answered ${answer.status}`);
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(draft));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    if (!had || error instanceof Refusal) throw error;
  }
  return file;
}
