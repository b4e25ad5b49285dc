/** OpenSSH 10 takes no connections from an address for a while after a few refused logins (PerSourcePenalties). The host is there: nothing may fail over. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FleetError, isUnreachable } from '../../src/model/errors.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { remoteOn } from './lab-remote.ts';

const index = 1;
let lab: Lab;
beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index, 'bare', 'trixie');
});
afterAll(() => lab.wipe(index));

/** What a login as that user fails with; null: it works. */
async function failureAs(user: string, connectTimeoutMs = 3_000): Promise<FleetError | null> {
  const remote = remoteOn(lab, index, user, { connectTimeoutMs });
  try {
    await remote.run({ command: 'true' });
    return null;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  } finally {
    await remote.close();
  }
}

test('it is named after some refused logins, and fleet waits until the host lets it in again', async () => {
  const codes: string[] = [];
  for (let tries = 0; tries < 10 && codes.at(-1) !== 'ssh-refused'; tries += 1) {
    codes.push((await failureAs('nosuchuser'))?.code ?? 'none');
  }
  expect(codes[0]).toBe('ssh-auth');
  expect(codes.at(-1)).toBe('ssh-refused');
  const failure = await failureAs('root');
  if (failure === null) throw new Error('the address is not locked out');
  expect([failure.code, isUnreachable(failure)]).toEqual(['ssh-refused', false]);
  expect(failure.message).toContain('Not allowed at this time');
  expect(failure.hint).toContain('PerSourcePenalties');
  expect(await failureAs('root', 120_000)).toBeNull();
});
