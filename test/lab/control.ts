import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const requestSchema = z.object({ id: z.number(), act: z.string(), args: z.array(z.unknown()) });
const replySchema = z.object({
  id: z.number(),
  result: z.unknown().optional(),
  error: z.string().optional(),
});

export type ControlActs = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/**
 * Serves acts by name on a unix socket: a line of JSON in, a line of JSON out, any number at once.
 */
export function serveControl(path: string, acts: ControlActs): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {}); // a caller that went away asked for nothing more
    createInterface({ input: socket }).on('line', (line) => void answer(socket, acts, line));
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(path, () => resolve(server));
  });
}

async function answer(socket: Socket, acts: ControlActs, line: string): Promise<void> {
  const { id, act, args } = requestSchema.parse(JSON.parse(line));
  const reply = (body: object) =>
    socket.writable && socket.write(`${JSON.stringify({ id, ...body })}\n`);
  try {
    const run = acts[act];
    if (!run) throw new Error(`the lab knows no act "${act}"`);
    reply({ result: await run(...args) });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * The caller's end of {@link serveControl}. It does not keep the process alive while nothing is
 * awaited.
 */
export interface ControlClient {
  /**
   * Rejects with the lab's own message, when the lab ends first, or after the time limit (120 s by
   * default).
   */
  call(act: string, args?: readonly unknown[], timeoutMs?: number): Promise<unknown>;
  close(): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export async function connectControl(path: string): Promise<ControlClient> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const connecting = createConnection(path, () => resolve(connecting)).on('error', reject);
  });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  const take = (id: number) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (waiting) clearTimeout(waiting.timer);
    if (pending.size === 0) socket.unref();
    return waiting;
  };
  createInterface({ input: socket }).on('line', (line) => {
    const { id, result, error } = replySchema.parse(JSON.parse(line));
    const waiting = take(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  });
  socket
    .on('error', () => {})
    .on('close', () => {
      for (const id of [...pending.keys()])
        take(id)?.reject(new Error('the lab ended before it answered'));
    });
  socket.unref();
  return {
    call: (act, args = [], timeoutMs = 120_000) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the lab has ended'));
        const id = ++lastId;
        const timer = setTimeout(
          () =>
            take(id)?.reject(new Error(`the lab did not answer "${act}" within ${timeoutMs} ms`)),
          timeoutMs,
        );
        pending.set(id, { resolve, reject, timer });
        socket.ref();
        socket.write(`${JSON.stringify({ id, act, args })}\n`);
      }),
    close: () => socket.destroy(),
  };
}
