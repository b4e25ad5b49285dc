import { spawn } from 'node:child_process';
import { FleetError } from '../../model/errors.ts';
import { MAX_LOG_BYTES } from './handshake-log.ts';

/** How an `ssh` that was to log in and stay in the background ended its part in the foreground. */
export interface MasterRun {
  /** 0: it is logged in and shares its connection. Null: it was ended by fleet or a signal. */
  readonly code: number | null;
  readonly end: 'itself' | 'time' | 'interrupted';
  /** What it has logged so far, also later from the background; the head and the end. */
  log(): string;
  lastLog(): string;
}

export interface MasterStart {
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly limitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the operator is thinking about a question: that takes no time of the login's. */
  readonly isAsking: () => boolean;
}

const LAST_LOG_BYTES = 4096;

/** Runs it to the end of its login, in `limitMs` at most. Rejects where it cannot be started. */
export function runMaster(host: string, start: MasterStart): Promise<MasterRun> {
  const { words, environment, limitMs, signal } = start;
  return new Promise((resolve, reject) => {
    // In a session of its own it has no terminal to ask at, and no Ctrl-C reaches it but ours.
    const child = spawn('ssh', words, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment,
      detached: true,
    });
    let head = '';
    let last = '';
    child.stderr.setEncoding('latin1');
    child.stderr.on('error', () => {});
    child.stderr.on('data', (chunk: string) => {
      if (head.length < MAX_LOG_BYTES) head += chunk.slice(0, MAX_LOG_BYTES - head.length);
      last = (last + chunk).slice(-LAST_LOG_BYTES);
    });
    const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
    const finish = (code: number | null, end: MasterRun['end']): void => {
      clearInterval(clock);
      signal?.removeEventListener('abort', onAbort);
      // What it still says from the background keeps nobody waiting.
      (child.stderr as unknown as { unref(): void }).unref();
      child.unref();
      resolve({ code, end, log: () => utf8(head), lastLog: () => utf8(last) });
    };
    const stop = (end: MasterRun['end']): void => {
      killGroup(child.pid);
      finish(null, end);
    };
    const onAbort = (): void => stop('interrupted');
    let usedMs = 0;
    const clock = setInterval(() => {
      if (!start.isAsking()) usedMs += STEP_MS;
      if (usedMs >= limitMs) stop('time');
    }, STEP_MS);
    signal?.addEventListener('abort', onAbort, { once: true });
    child.on('error', (cause) => {
      clearInterval(clock);
      signal?.removeEventListener('abort', onAbort);
      const hint = 'install the OpenSSH client on this machine, or set ssh.transport to ssh2';
      const message = `${host}: the program ssh could not be started`;
      reject(new FleetError('ssh-config', message, { hint, host, cause }));
    });
    // Its last words may come after its end; in the background it keeps the pipe open.
    child.on('exit', (code) => {
      if (code === 0) finish(code, 'itself');
      else setTimeout(() => finish(code, 'itself'), LAST_WORDS_MS);
    });
    child.on('close', (code) => finish(code, 'itself'));
    if (signal?.aborted === true) onAbort();
  });
}

const STEP_MS = 100;
/** A ProxyCommand that was left behind may keep the pipe open. */
const LAST_WORDS_MS = 300;

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
