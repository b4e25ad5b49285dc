/** A host's disk that is full and stays full. */
import type { Lab } from '../lab/lab.ts';

/**
 * Fills it. A journal that has to grow would make room by removing what it has, and fleet's reserve
 * would be given free: neither happens.
 */
export async function fillForGood(lab: Lab, host: number): Promise<void> {
  await lab.ssh(host, 'journalctl --rotate; systemctl stop fleet-quota');
  await lab.fill(host);
}

/** Gives its room back. */
export async function unfillForGood(lab: Lab, host: number): Promise<void> {
  await lab.unfill(host);
  await lab.ssh(host, 'systemctl start fleet-quota');
}
