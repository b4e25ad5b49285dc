import type { Address } from '../model/alert-policy.ts';
import { type ChannelWorld, readUrl } from './channel.ts';
import { request } from './http.ts';

/** Tells the address that a sweep has come to its end. Errors: `channel`, `secret`. */
export async function beat(address: Address, world: ChannelWorld): Promise<void> {
  await request('heartbeat', await readUrl('heartbeat', address, world), { method: 'GET' }, world);
}
