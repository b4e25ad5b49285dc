import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test, vi } from 'vitest';
import { formatFindings } from '../../src/cli/render/upkeep/doctor.ts';
import type { Finding } from '../../src/model/finding.ts';
import { makeFolder } from './fleet-command.ts';

vi.setConfig({ testTimeout: 120_000 });

test('what is wrong comes first, what hosts have in common is said once, and remedies name whom they are for', () => {
  const finding = (where: string, level: Finding['level'], text: string, remedy = ''): Finding => ({
    where,
    level,
    text,
    remedy,
  });
  const text = formatFindings([
    finding('here', 'ok', 'the ledger is sound'),
    finding('h1', 'warning', 'an upgrade waits for a reboot', 'fleet exec h1 -- reboot'),
    finding('h2', 'warning', 'an upgrade waits for a reboot', 'fleet exec h2 -- reboot'),
    finding('h2', 'critical', 'h2: no answer', 'look at h2'),
  ]);
  expect(stripVTControlCharacters(text)).toBe(`✖ h2: h2: no answer
  → look at h2
! h1, h2: an upgrade waits for a reboot
  → fleet exec HOST -- reboot
✔ here: the ledger is sound

1 error, 2 warnings, 1 OK`);
});

test('what two thousand hosts have in common is one finding', () => {
  const findings = Array.from({ length: 2_000 }, (_, index) => ({
    ...{ where: `web-${index + 1}`, level: 'critical' as const },
    text: `the connection was refused (root@10.0.${index >> 8}.${index & 255}:22)`,
    remedy: `fleet ssh web-${index + 1}`,
  }));
  expect(stripVTControlCharacters(formatFindings(findings))).toBe(
    `✖ web-1, web-2, web-3, web-4, web-5, web-6, web-7, web-8 and 1992 more: the connection was refused
  → fleet ssh HOST

2000 errors, 0 warnings, 0 OK`,
  );
});

test("the operator's side: what is missing or open to others is named with a remedy, and the exit code says that something is to be mended", async () => {
  const { fleet, path } = await makeFolder(`version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts: { web-1: { address: 127.0.0.1, ssh: { port: 1, connect_timeout: 1s } } }
`);
  const findingsOf = async (env: Record<string, string> = {}) => {
    const { code, stdout } = await fleet(['doctor', '--json'], env);
    return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
  };
  const bare = await findingsOf();
  expect(bare.code).toBe(3);
  const critical = bare.findings.filter(({ level }) => level === 'critical');
  expect(critical.map(({ where }) => where)).toEqual(['here', 'here', 'web-1']);
  for (const { remedy } of bare.findings.filter(({ level }) => level !== 'ok'))
    expect(remedy).not.toBe('');
  // Its host is not named twice.
  expect(critical[2]?.text).toMatch(/^the connection was refused/);
  expect(critical[0]?.text).toContain('vault.key');
  expect(critical[1]?.text).toContain('API_HASH');

  await fleet(['vault', 'create-key']);
  await mkdir(join(path, 'vault'), { recursive: true });
  await chmod(join(path, 'vault'), 0o755);
  await chmod(join(path, 'vault.key'), 0o644);
  const open = await findingsOf({ API_HASH: 'x' });
  expect(open.findings.find(({ text }) => text.includes('vault.key'))).toMatchObject({
    where: 'here',
    level: 'critical',
  });
  await chmod(join(path, 'vault.key'), 0o600);
  const mended = await findingsOf({ API_HASH: 'x' });
  expect(
    mended.findings.filter(({ where, level }) => where === 'here' && level === 'critical'),
  ).toEqual([]);
  expect(mended.findings).toContainEqual(
    expect.objectContaining({
      level: 'warning',
      text: expect.stringContaining('others may look into'),
    }),
  );
  await writeFile(
    join(path, 'fleet.db'),
    'not a ledger, and long enough to look like one'.repeat(40),
  );
  expect((await fleet(['doctor'])).stderr).toContain('damaged or not a ledger');
});
