import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { readRelease } from '../host/survey.ts';
import { readHostConfig } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { agentProtocol } from '../protocol/sample.ts';
import { formatMetrics } from './metrics.ts';
import { agentVersion, type Sampler } from './sampler.ts';

/**
 * HTTP on the unix socket: `GET /sample`, `/health`, `/version`, all JSON, and `/metrics` in the text format of Prometheus. Everybody on the host may ask: a sample holds names,
 * counters and states, no secret, and the operator's login user is in no group of the agent's.
 */
export const serve = async (places: Places, sampler: Sampler): Promise<Server> => {
  const answers: Readonly<Record<string, () => unknown>> = {
    '/sample': () => sampler.sample(),
    '/health': () => ({ ok: true, protocol: agentProtocol }),
    '/version': () => ({ protocol: agentProtocol, version: agentVersion, release: readRelease(places) }),
  };
  const metrics = async (): Promise<string> => formatMetrics(readHostConfig(places)?.host ?? hostname(), await sampler.sample());
  const server = createServer({ keepAliveTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8_192 }, (request, response) => {
    if (request.method === 'GET' && request.url === '/metrics') {
      void metrics().then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
        () => response.destroy(),
      );
      return;
    }
    const answer = request.method === 'GET' ? answers[request.url ?? ''] : undefined;
    void (async () => {
      const [status, body] = answer === undefined ? [404, { error: 'unknown path' }] : [200, await answer()];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  server.maxConnections = 64;
  rmSync(places.agentSocket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(places.agentSocket, resolve);
  });
  chmodSync(places.agentSocket, 0o666);
  return server;
};
