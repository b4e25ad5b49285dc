import { execFile } from 'node:child_process';
import { oneLine } from './journal.ts';

/** Lines of the sd_notify protocol. */
export interface Notice {
  readonly isReady?: boolean;
  readonly isStopping?: boolean;
  readonly isAlive?: boolean;
  readonly status?: string;
}

/**
 * Tells systemd, through its own small program, because Node has no datagram sockets of the unix
 * kind. Resolves when systemd has
 * read it (the program waits for that), or after 5 s; false when it could not be told. Without
 * NOTIFY_SOCKET nobody wants to know.
 */
export const notify = (notice: Notice, env: NodeJS.ProcessEnv = process.env): Promise<boolean> => {
  if (!env.NOTIFY_SOCKET) return Promise.resolve(true);
  const words = noticeWords(notice);
  return new Promise((resolve) => {
    execFile('systemd-notify', words, { timeout: 5_000, env }, (error) => resolve(error === null));
  });
};

const noticeWords = ({ isReady, isStopping, isAlive, status }: Notice): string[] => [
  ...(isReady ? ['--ready'] : []),
  ...(status === undefined ? [] : [`--status=${oneLine(status)}`]),
  ...(isStopping ? ['STOPPING=1'] : []),
  ...(isAlive ? ['WATCHDOG=1'] : []),
];

/**
 * How often to say that we are alive: a third of what systemd allows, so that one late or lost
 * notice is no reason to kill.
 */
export const heartbeatMs = (env: NodeJS.ProcessEnv, atMostMs: number): number => {
  const microseconds = Number(env.WATCHDOG_USEC);
  return Number.isFinite(microseconds) && microseconds > 0
    ? Math.min(atMostMs, Math.floor(microseconds / 3000))
    : atMostMs;
};
