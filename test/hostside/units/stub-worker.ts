import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gateWorld, passGate, reportRefusal } from '../../../hostside/gate/pass-gate.ts';
import { workerExit } from '../../../hostside/protocol/worker.ts';

const fallenProgram = `/opt/${process.env.FLEET_ACCOUNT}.cjs`;

/**
 * A worker of the contract without Telegram: passes the gate in its own process, is online at once,
 * ends on SIGTERM.
 */
const main = async (): Promise<void> => {
  const world = gateWorld(process.env);
  const result = await passGate(world);
  if ('refusal' in result) {
    reportRefusal(result.refusal);
    process.exit(workerExit.gateRefused);
  }
  const now = new Date().toISOString();
  const path = join(world.runtimeDirectory, 'status.json');
  const status = {
    ...{ format: 1, state: 'online', since: now, reason: '', updatedAt: now },
    userId: null,
    until: null,
    latencyMs: null,
    counters: {},
  };
  writeFileSync(`${path}.new`, JSON.stringify(status), { mode: 0o644 });
  spawnSync('chmod', ['644', `${path}.new`]);
  renameSync(`${path}.new`, path);
  writeFileSync(
    join(world.stateDirectory, 'seen.txt'),
    `${result.pass.epoch} ${result.pass.recheck() ?? 'may connect'}\n`,
  );
  spawnSync('systemd-notify', ['--ready', '--status=online']);
  process.on('SIGTERM', () => process.exit(workerExit.clean));
  setInterval(() => spawnSync('systemd-notify', ['WATCHDOG=1']), 30_000);
  // Once it is through the gate, somebody else's program may run in its place.
  if (existsSync(fallenProgram)) createRequire(fallenProgram)(fallenProgram);
};

void main();
