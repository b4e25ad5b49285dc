import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the server does with a request. */
export type Act =
  /** `text`: default is an echo of the last turn. `tokens`: null tells no usage. */
  | {
      readonly act: 'answer';
      readonly text?: string;
      readonly delayMs?: number;
      readonly finish?: string;
      readonly tokens?: readonly [read: number, written: number] | null;
    }
  | {
      readonly act: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Headers of a full answer, half of its bytes, then a reset. */
  | { readonly act: 'half' }
  /** This body, byte for byte. */
  | {
      readonly act: 'body';
      readonly body: string;
      readonly status?: number;
      readonly type?: string;
    }
  /** 200 with this body. */
  | { readonly act: 'garbage'; readonly body: string }
  /** A reset in place of an answer. */
  | { readonly act: 'reset' }
  /** Never answers. */
  | { readonly act: 'hang' };

export interface SeenRequest {
  readonly path: string;
  readonly authorization: string;
  /** Address of whoever asked. */
  readonly peer: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * A local OpenAI-compatible server whose behaviour is scripted: the first waiting act is done by
 * the next request, later ones get `otherwise`.
 */
export interface ModelServer {
  /** For `baseUrl`. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Most requests that were under way at once. */
  readonly mostAtOnce: number;
  otherwise: Act;
  /** Acts for the next requests, in order. */
  next(...acts: Act[]): void;
  /** Texts that contain one of these are flagged by the moderation endpoint. */
  readonly flagged: string[];
  stop(): Promise<void>;
}

/** `tls`: PEM texts for a server behind `https`, as those of others are. */
export async function startModelServer(
  host = '127.0.0.1',
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<ModelServer> {
  const server = new RunningServer();
  const listen = (request: IncomingMessage, response: ServerResponse): void =>
    void server.answer(request, response).catch(() => response.destroy());
  const http = tls === null ? createServer(listen) : createTlsServer(tls, listen);
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => http.listen(0, host, done));
  server.url = `${tls === null ? 'http' : 'https'}://${host}:${(http.address() as AddressInfo).port}/v1`;
  server.stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => http.close(done));
  };
  return server;
}

class RunningServer implements ModelServer {
  url = '';
  readonly requests: SeenRequest[] = [];
  readonly flagged: string[] = [];
  mostAtOnce = 0;
  otherwise: Act = { act: 'answer' };
  stop: () => Promise<void> = async () => {};
  readonly #waiting: Act[] = [];
  #atOnce = 0;

  next(...acts: Act[]): void {
    this.#waiting.push(...acts);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    response.on('close', () => {
      this.#atOnce -= 1;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
    const path = request.url ?? '';
    this.requests.push({
      path,
      authorization: request.headers.authorization ?? '',
      peer: request.socket.remoteAddress ?? '',
      body,
    });
    if (path === '/v1/moderations' && this.#waiting.length === 0)
      return reply(response, this.#verdict(String(body.input)));
    await perform(this.#waiting.shift() ?? this.otherwise, body, response);
  }

  #verdict(text: string): object {
    return {
      id: 'modr-1',
      model: 'm',
      results: [{ flagged: this.flagged.some((word) => text.includes(word)), categories: {} }],
    };
  }
}

const reply = (response: ServerResponse, body: object): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const perform = async (
  act: Act,
  body: Readonly<Record<string, unknown>>,
  response: ServerResponse,
): Promise<void> => {
  switch (act.act) {
    case 'answer':
      await sleep(act.delayMs ?? 0);
      return reply(response, completion(act, body));
    case 'status':
      response.writeHead(act.status, { 'content-type': 'application/json', ...act.headers });
      response.end(
        JSON.stringify({
          error: { message: `key and prompt: ${JSON.stringify(body)}`, type: 'x' },
        }),
      );
      return;
    case 'half': {
      const text = JSON.stringify(completion({ act: 'answer' }, body));
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': text.length,
      });
      response.write(text.slice(0, text.length / 2));
      await sleep(20);
      response.socket?.resetAndDestroy();
      return;
    }
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end(act.body);
      return;
    case 'body':
      response
        .writeHead(act.status ?? 200, { 'content-type': act.type ?? 'application/json' })
        .end(act.body);
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'hang':
      return;
  }
};

const completion = (
  act: Extract<Act, { act: 'answer' }>,
  body: Readonly<Record<string, unknown>>,
): object => {
  const turns = body.messages as readonly { content: string }[];
  // what stands before in the same message is the talk that led there; further lines of a message
  // are indented
  const text =
    act.text ??
    `You said: ${
      turns
        .at(-1)
        ?.content.split(/\n(?! {2})/)
        .at(-1) ?? ''
    }`;
  const [read, written] = act.tokens ?? [
    turns.reduce((sum, { content }) => sum + content.length, 0),
    text.length,
  ];
  return {
    ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 0, model: body.model },
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text },
        finish_reason: act.finish ?? 'stop',
      },
    ],
    ...(act.tokens === null
      ? {}
      : {
          usage: { prompt_tokens: read, completion_tokens: written, total_tokens: read + written },
        }),
  };
};
