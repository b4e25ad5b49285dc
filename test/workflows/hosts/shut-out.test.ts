import { describe, expect, it } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { HostSpec } from '../../../src/model/inventory.ts';
import type { HostName } from '../../../src/model/names.ts';
import type { Remote } from '../../../src/remote/remote.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import type { HostReading } from '../../../src/workflows/hosts/read-samples.ts';
import { nameShutOut } from '../../../src/workflows/hosts/shut-out.ts';
import { FakeRemote } from '../../fakes/fake-remote.ts';

const silent = new FleetError('ssh-timeout', 'h1: the host does not answer', {
  hint: 'x',
  host: 'h1',
});
const hostOf = (name: string): HostSpec => ({ name: name as HostName }) as HostSpec;
const reading = (name: string, problem: FleetError | null): HostReading => ({
  host: hostOf(name),
  sample: null,
  takenAtMs: null,
  problem,
});

/** Answers of a host by what is asked; '' for nothing. */
const saying = (name: string, answers: readonly (readonly [RegExp, string])[]): Remote =>
  new FakeRemote({
    host: name as HostName,
    answer: async ({ command }) => ({
      stdout: answers.find(([pattern]) => pattern.test(command))?.[1] ?? '',
    }),
  });

const unreachable = (name: string): Remote => {
  const refuse = async (): Promise<never> => {
    throw new FleetError('ssh-timeout', `${name}: no`, { hint: 'x', host: name });
  };
  return {
    ...saying(name, []),
    host: name as HostName,
    connect: refuse,
    close: async () => undefined,
  };
};

async function problemOf(
  through: Remote,
  from = '198.51.100.7',
  neighbours = ['h2'],
): Promise<FleetError | null | undefined> {
  const context = {
    remoteThrough: () => through,
    remoteFor: ({ name }: HostSpec) => saying(name, [[/SSH_CONNECTION/, from]]),
  } as unknown as FleetContext;
  const readings = [reading('h1', silent), ...neighbours.map((name) => reading(name, null))];
  return (await nameShutOut(context, readings))[0]?.problem;
}

describe('a host that no connection reaches from here', () => {
  it('is shut out from by fail2ban: named with the address and the end of the ban', async () => {
    const ban = saying('h1', [
      [/banip/, '198.51.100.7 \t2026-11-30 10:00:00 + 600 = 2026-11-30 10:10:00\n'],
    ]);
    const problem = await problemOf(ban);
    expect(problem?.code).toBe('ssh-refused');
    expect(problem?.message).toBe(
      'h1: the host has banned this address (198.51.100.7): fail2ban, until 2026-11-30 ' +
        '10:10:00; h2 gets through to it',
    );
    expect(problem?.hint).toContain('unbanip 198.51.100.7');
  });

  it('is shut out from by something else', async () => {
    expect((await problemOf(saying('h1', [])))?.message).toContain(
      'takes no connections from this address (198.51.100.7) now, and runs',
    );
  });

  it.each(['', 'rm -rf /', "1.2.3.4' x"])(
    'does not repeat an address that is none: %j',
    async (from) => {
      const problem = await problemOf(saying('h1', [[/banip/, 'x = 2026-11-30 10:10:00']]), from);
      expect(problem?.message).toContain('takes no connections from this address now');
    },
  );

  it('stays unreachable where nobody gets through, or nobody answers', async () => {
    expect(await problemOf(unreachable('h1'))).toBe(silent);
    expect(await problemOf(saying('h1', []), '198.51.100.7', [])).toBe(silent);
  });
});
