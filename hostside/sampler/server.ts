import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { readRelease } from '../helper/acts/survey.ts';
import { readHostConfig } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { agentProtocol, type HostSample } from '../protocol/sample.ts';
import { formatMetrics } from './metrics.ts';
import { agentVersion, type Sampler } from './sampler.ts';

/** A request is a few lines: who takes long for them has nothing to ask. */
const limits = {
  ...{
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 5_000,
  },
  maxHeaderSize: 8_192,
};
/** Who does not read an answer is not waited for, ms. */
const deafMs = 10_000;
const mostConnections = 64;

/**
 * Everybody on the host may connect, so nobody may fill the house: one more than there is room for
 * puts out the one that has been idle longest, or, where all are busy, the oldest.
 */
const keepRoom = (server: Server): void => {
  const idle = new Set<Socket>();
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    idle.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      idle.delete(socket);
    });
    if (open.size <= mostConnections) return;
    const [longest = socket] = idle;
    const [oldest = socket] = open;
    (longest === socket ? oldest : longest).destroy();
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket);
    response.once('close', () => {
      if (open.has(socket)) idle.add(socket);
    });
  });
};

/**
 * HTTP on the unix socket: `GET /sample`, `/health`, `/version`, all JSON, and `/metrics` in the
 * text format of Prometheus. Everybody on the host may ask: a sample holds names,
 * counters and states, no secret, and the operator's login user is in no group of the agent's.
 */
export const serve = async (places: Places, sampler: Sampler): Promise<Server> => {
  // However many ask at a time, one look answers them all.
  let look: Promise<HostSample> | null = null;
  const sample = (): Promise<HostSample> => {
    look ??= sampler.sample().finally(() => {
      look = null;
    });
    return look;
  };
  const answers: Readonly<Record<string, () => unknown>> = {
    '/sample': sample,
    '/health': () => ({ ok: true, protocol: agentProtocol }),
    '/version': () => ({
      protocol: agentProtocol,
      version: agentVersion,
      release: readRelease(places),
    }),
  };
  const metrics = async (): Promise<string> =>
    formatMetrics(readHostConfig(places)?.host ?? hostname(), await sample());
  const server = createServer(limits, (request, response) => {
    if (request.method === 'GET' && request.url === '/metrics') {
      void metrics().then(
        (text) =>
          response
            .writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
            .end(text),
        () => response.destroy(),
      );
      return;
    }
    const answer = request.method === 'GET' ? answers[request.url ?? ''] : undefined;
    void (async () => {
      const [status, body] =
        answer === undefined ? [404, { error: 'unknown path' }] : [200, await answer()];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  // One question a connection: else a thousand of them stand in line before an answer is read.
  server.maxRequestsPerSocket = 1;
  server.setTimeout(deafMs);
  keepRoom(server);
  rmSync(places.agentSocket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(places.agentSocket, resolve);
  });
  chmodSync(places.agentSocket, 0o666);
  return server;
};
