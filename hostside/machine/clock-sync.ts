import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether a time service has set the clock in this boot: systemd-timesyncd's mark, else the
 * kernel's flag as timedatectl reads it
 * (chrony and ntpd set it too). null: nothing tells.
 */
export const readClockSynchronized = (root: string): boolean | null => {
  if (existsSync(join(root, 'run/systemd/timesync/synchronized'))) return true;
  const show = spawnSync('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const text = show.status === 0 ? show.stdout.trim() : '';
  return text === 'yes' ? true : text === 'no' ? false : null;
};
