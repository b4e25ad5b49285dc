import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectControl, type DataCentreControl } from '../dc/control/control.ts';
import type { Lab } from '../lab/lab.ts';

export interface LabDataCentre extends DataCentreControl {
  /** Returns when nothing listens any more. */
  stop(): Promise<void>;
}

/**
 * Starts the test data centre inside the lab's network, at Telegram's own addresses. It ends with
 * this process, however that ends. `more`: further options
 * of test/dc/main.ts.
 */
export async function startLabDataCentre(
  lab: Lab,
  isOutside: boolean,
  more: readonly string[] = [],
): Promise<LabDataCentre> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-dc-'));
  const control = join(directory, 'control.sock');
  const program = fileURLToPath(new URL('../dc/main.ts', import.meta.url));
  const listen = ['--listen', '0.0.0.0:80', '--listen', '0.0.0.0:443', '--telegram-addresses'];
  const argv = [
    process.execPath,
    program,
    ...listen,
    '--control',
    control,
    '--end-with-stdin',
    ...more,
  ];
  const [command = '', ...args] = isOutside ? lab.insideArgv(argv) : argv;
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const client = await connectControl(control, 60_000);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  return { ...client, stop };
}
