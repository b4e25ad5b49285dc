/** `fleet alerts` as an operator types it, mistakes included. */
import { expect, it } from 'vitest';
import { makeFolder } from '../cli/fleet-command.ts';

const inventory = `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts: { web-1: { address: 192.0.2.1 }, web-2: { address: 192.0.2.2 } }
alerts:
  channels:
    log: { kind: command, argv: [tee, -a, told.jsonl] }
    gone: { kind: webhook, url: "http://127.0.0.1:1/abcdefghijkl" }
`;

it('silences what there is, for a time that is still to come, and says what is wrong otherwise', {
  timeout: 240_000,
}, async () => {
  const { fleet } = await makeFolder(inventory);
  const mistake = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fleet(['alerts', ...args]);
    expect([code, stdout], args.join(' ')).toEqual([2, '']);
    return stderr;
  };
  expect(await mistake('silence', 'web-7')).toBe(
    '✗ no host and no account is called web-7\n  → did you mean web-1?\n',
  );
  expect(await mistake('silence', 'web-1', '--until', '2020-01-01T00:00Z')).toBe(
    '✗ that silence would be over already\n  → name a time that is still to come, or --for 2h\n',
  );
  expect(await mistake('silence', 'web-1', '--until', 'tomorrow')).toContain(
    'such as 2026-12-01T06:30Z',
  );
  expect(
    await mistake('silence', 'web-1', '--until', '2099-01-01T00:00Z', '--for', '1h'),
  ).toContain('cannot be used with');
  expect(await mistake('silence', 'hostdown/web-1')).toContain('hostdown/web-1 names no alert');
  expect(await mistake('unsilence', 'x')).toBe(
    '✗ x is not the number of a silence\n  → fleet alerts list shows the numbers of silences\n',
  );

  expect(
    (await fleet(['alerts', 'silence', 'host-*/web-1', '--for', '2h', '--reason', 'new disk']))
      .code,
  ).toBe(0);
  const { silences } = JSON.parse((await fleet(['alerts', '--json'])).stdout) as {
    readonly silences: readonly object[];
  };
  expect(silences).toMatchObject([{ id: 1, rule: 'host-*', subject: 'web-1', reason: 'new disk' }]);

  const trial = await fleet(['alerts', 'test']);
  expect(trial.stdout).toMatch(/log +delivered\ngone +not delivered\n/);
  expect(trial.stderr).toMatch(
    /^✗ alerts: channel gone: http:\/\/127\.0\.0\.1:1 cannot be reached \(bad port\)\n/,
  );
  expect(trial.stdout + trial.stderr).not.toContain('abcdefghijkl');
});
