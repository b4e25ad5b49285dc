import { bootMs, readBootId, readBootVerdict } from '../machine/boot.ts';
import { isCleanEnd, readStartMark, readStopMark, writeStopMark } from './marks.ts';
import type { GateWorld } from './pass-gate.ts';

/**
 * ExecStopPost, after every end of the unit; systemd tells in `env` how it ended. A start that the
 * gate refused has made no mark, so it ends none.
 */
export const markStop = (world: GateWorld, env: NodeJS.ProcessEnv): void => {
  const start = readStartMark(world.stateDirectory);
  const stop = readStopMark(world.stateDirectory);
  if (start === null || start === 'unreadable') return;
  if (stop !== null && stop !== 'unreadable' && stop.startId === start.startId) return;
  const bootId = readBootVerdict(world.places)?.bootId ?? readBootId() ?? 'unknown';
  // A run of an earlier boot ended with its machine: what exits now is another process, a gate that
  // refused.
  const clean = start.bootId === bootId && isCleanEnd(env.EXIT_CODE, env.EXIT_STATUS);
  writeStopMark(world.stateDirectory, { startId: start.startId, bootId, bootMs: bootMs(), clean });
};
