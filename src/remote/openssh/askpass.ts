import { randomBytes, timingSafeEqual } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { ControlFolder } from './control-folder.ts';

/** What `ssh` wants to know. `kind`: an answer, a yes or no, or nothing (it only tells). */
export interface Question {
  readonly text: string;
  readonly kind: 'answer' | 'confirm' | 'none';
}

/** Answers what one `ssh` asks while it logs in. */
export interface AskPass {
  /** What its environment needs: no secret among it. */
  readonly environment: Readonly<Record<string, string>>;
  /** From here on nobody is answered. */
  close(): void;
}

/** Bytes of a question at most, and the time in which it has to come, ms. */
const MAX_QUESTION_BYTES = 16 * 1024;
const QUESTION_LIMIT_MS = 10_000;

/**
 * Listens on a socket of its own for the program that `ssh` starts when it asks something
 * (SSH_ASKPASS). An answer goes from this process through the socket and a pipe into `ssh`: it is
 * in no argument, no environment and no file. `answer` decides by the question's text; null is a
 * refusal. Children of that `ssh` (a ProxyCommand, a `Match exec`) inherit the way to ask, so
 * `answer` must only give what this connection was asked for by its name.
 */
export async function openAskPass(
  folder: ControlFolder,
  answer: (question: Question) => Promise<string | null>,
): Promise<AskPass> {
  const path = folder.next('ask');
  const token = randomBytes(24).toString('base64url');
  const server = createServer((socket) => void serve(socket, token, answer));
  server.on('error', () => {});
  await listen(server, path);
  server.unref();
  return {
    environment: {
      SSH_ASKPASS: await program(folder),
      SSH_ASKPASS_REQUIRE: 'force',
      FLEET_ASKPASS: path,
      FLEET_ASKPASS_TOKEN: token,
    },
    close: () => void server.close(),
  };
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });

async function serve(
  socket: Socket,
  token: string,
  answer: (question: Question) => Promise<string | null>,
): Promise<void> {
  socket.on('error', () => {});
  const question = await readQuestion(socket, token);
  const text = question === null ? null : await answer(question).catch(() => null);
  if (text === null) socket.destroy();
  else socket.end(`${text}\n`);
}

/** One line: token, kind and text as JSON. Null for whoever does not know the token. */
function readQuestion(socket: Socket, token: string): Promise<Question | null> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (question: Question | null): void => {
      clearTimeout(timer);
      resolve(question);
    };
    const timer = setTimeout(() => finish(null), QUESTION_LIMIT_MS);
    socket.setEncoding('utf8');
    socket.on('close', () => finish(null));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_QUESTION_BYTES) finish(null);
      else if (text.includes('\n')) finish(parseQuestion(text, token));
    });
  });
}

function parseQuestion(text: string, token: string): Question | null {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(said) || !said.every((part) => typeof part === 'string')) return null;
  const [given = '', kind = '', about = ''] = said as string[];
  const [mine, theirs] = [Buffer.from(token), Buffer.from(given)];
  if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs)) return null;
  return { text: about, kind: kind === 'confirm' || kind === 'none' ? kind : 'answer' };
}

/** What the program does: it passes the question on and prints the answer. */
const SOURCE = [
  "const s=require('node:net').connect(process.env.FLEET_ASKPASS);",
  "let n=0;s.on('error',()=>process.exit(1));",
  's.write(JSON.stringify([process.env.FLEET_ASKPASS_TOKEN,',
  "process.env.SSH_ASKPASS_PROMPT||'',process.argv[1]||''])+'\\n');",
  "s.on('data',c=>{n+=c.length});s.on('close',()=>{process.exitCode=n?0:1});",
  "s.pipe(require('node:fs').createWriteStream('',{fd:1}));",
].join('');

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** SSH_ASKPASS is one word: a program of its own, which holds no secret. */
async function program(folder: ControlFolder): Promise<string> {
  const path = folder.next('sh');
  const node = quote(process.execPath);
  const text = `#!/bin/sh\nunset NODE_OPTIONS\nexec ${node} -e ${quote(SOURCE)} -- "$1"\n`;
  await writeFile(path, text, { mode: 0o700, flag: 'wx' });
  return path;
}
