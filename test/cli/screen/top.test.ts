import { stripVTControlCharacters } from 'node:util';
import { expect, test, vi } from 'vitest';
import { formatMoment } from '../../../src/cli/render/looks/top.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { FleetMoment } from '../../../src/workflows/trials/watch-fleet.ts';
import { accountReply, hostReply } from '../../facts/sample-reply.ts';
import { makeFolder } from '../fleet-command.ts';

vi.setConfig({ testTimeout: 120_000 });

const account = (name: string, state: string, cores: number | null) => ({
  name,
  host: 'h1',
  state,
  reason: state === 'online' ? '' : 'why',
  measured: cores === null ? null : accountReply({ cpuCores: { m1: cores, m5: null, m15: null } }),
});

const moment: FleetMoment = {
  atMs: Date.UTC(2026, 10, 25, 8, 30),
  hosts: [
    {
      host: 'h1',
      sample: hostReply({
        cpu: { cores: 2, busyRatio: { m1: null, m5: null, m15: null, now: 0.42 } },
      }),
      latencyMs: 12.4,
      problem: null,
      accounts: 3,
      maxAccounts: 5,
    },
    {
      host: 'h2',
      sample: null,
      latencyMs: null,
      problem: new FleetError('ssh-connect', 'h2: no route to host', { hint: 'x' }),
      accounts: 0,
      maxAccounts: 5,
    },
    { host: 'h3', sample: null, latencyMs: null, problem: null, accounts: 0, maxAccounts: 5 },
  ],
  accounts: [
    account('anna', 'online', 0.01),
    account('ben', 'online', 0.25),
    account('carla', 'offline', null),
  ],
};

const lines = (limit: number) =>
  stripVTControlCharacters(formatMoment('shop', moment, limit)).split('\n');

test('hosts that do not answer say why, accounts that need somebody come first, then those that work most', () => {
  const shown = lines(Number.POSITIVE_INFINITY);
  expect(shown[0]).toBe('shop  08:30:00Z  1 of 3 hosts answer, 2 of 3 accounts online');
  expect(shown[3]).toMatch(/^h1 {4}42 % .* 3\/5 .* 12 ms$/);
  expect(shown[4]).toMatch(/^h2 .*h2: no route to host$/);
  expect(shown[5]).toMatch(/^h3 .*not ready: fleet init comes first$/);
  expect(shown.slice(-3).map((line) => line.split(' ')[0])).toEqual(['carla', 'ben', 'anna']);
  expect(shown.at(-2)).toContain('25.0 %');
});

test('what does not fit on the terminal is counted', () => {
  expect(lines(6)).toHaveLength(6);
  expect(lines(6).at(-1)).toBe('... and 6 more lines');
});

test('without a terminal it looks once', async () => {
  const { fleet } = await makeFolder();
  const { code, stdout, stderr } = await fleet(['top']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^shop .* 0 of 2 hosts answer, 0 of 0 accounts online\n/);
  expect(JSON.parse((await fleet(['top', '--json'])).stdout)).toMatchObject({
    command: 'top',
    ok: true,
    hosts: [{ host: 'web-1', sample: null }, {}],
  });
  expect((await fleet(['top', '--interval', '0'])).code).toBe(2);
});
