import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Operator } from './operator.ts';

const preload = new URL('./kill-at-call.ts', import.meta.url).href;
const countsSchema = z.object({
  connect: z.number(),
  exec: z.number(),
  openssh_forwardOutStreamLocal: z.number(),
});

/**
 * What a command asked of hosts: connections that it opened, and requests over them (commands and
 * streams).
 */
export interface RemoteCalls {
  readonly connections: number;
  readonly requests: number;
}

const fileOf = (operator: Operator): string => join(operator.directory, 'calls.json');

/**
 * For the environment of a command of fleet that runs from its sources: it counts its remote calls.
 */
export const countingEnv = (operator: Operator): Record<string, string> => ({
  NODE_OPTIONS: `--import ${preload}`,
  FLEET_KILL_AT: '0',
  FLEET_CALLS_FILE: fileOf(operator),
});

/**
 * Of the last command that ran with {@link countingEnv} and has ended. Throws where there is none.
 */
export async function takeCounted(operator: Operator): Promise<RemoteCalls> {
  const file = fileOf(operator);
  const {
    connect,
    exec,
    openssh_forwardOutStreamLocal: streams,
  } = countsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  await rm(file);
  return { connections: connect, requests: exec + streams };
}
