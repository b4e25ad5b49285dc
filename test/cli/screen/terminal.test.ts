import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { type Folder, makeFolder } from '../fleet-command.ts';

vi.setConfig({ testTimeout: 120_000 });

const evil =
  'bye\u001b]52;c;ZXZpbA==\u0007\u001b[8m\u202e\n::error::pwned ##[add-mask]x\u009b2J\u200b';
/**
 * Colours that fleet itself sets; everything else that begins with an escape character is the
 * host's.
 */
const escapeCharacter = '\u001b';
const own = new RegExp(`${escapeCharacter}\\[(?:1|2|22|31|32|33|39)m`, 'g');
const control = /(?!\n)[\p{Cc}\u200b\u202e]/u;

/** A ledger in which a worker, a host and their errors have said `evil`. */
async function makeHostileFleet(): Promise<Folder> {
  const folder = await makeFolder();
  const ledger = await openLedger(join(folder.path, 'fleet.db'));
  const { db } = ledger;
  await db
    .insertInto('hosts')
    .values({
      name: 'web-1',
      release: 'r',
      failures: 1,
      failure_reason: evil,
      cordoned: 1,
      cordon_reason: evil,
      health: 'healthy',
    })
    .execute();
  const account = {
    key_id: 'a'.repeat(32),
    data_centre: 2,
    is_bot: 0,
    source_format: 'pyrogram',
    vault_hash: 'b'.repeat(64),
    imported_at: 1,
    state_since: 1,
    wanted: 1,
  };
  await db
    .insertInto('accounts')
    .values({ name: 'anna', user_id: '1', state: 'offline', state_reason: evil, ...account })
    .execute();
  await db
    .insertInto('placements')
    .values({ account: 'anna', host: 'web-1', epoch: 1, move_id: 'm', since: 1 })
    .execute();
  const decision = { decision_json: '{}', score: null, strategy: null };
  await db
    .insertInto('history')
    .values({
      at: 1,
      account: 'anna',
      host: 'web-1',
      from_host: null,
      type: 'initial' as const,
      reason: evil,
      move_id: 'm',
      ...decision,
    })
    .execute();
  await ledger.close();
  return folder;
}

test.each([
  ['text', ['status'], {}],
  ['text in colours', ['status'], { FORCE_COLOR: '1', NO_COLOR: '' }],
  ['text', ['history'], {}],
  ['text', ['accounts', 'show', 'anna'], {}],
  ['text', ['accounts', 'list'], { FORCE_COLOR: '1', NO_COLOR: '' }],
  ['JSON', ['status', '--json'], {}],
  ['JSON', ['history', '--json'], {}],
  ['the log of a pipeline', ['status'], { GITHUB_ACTIONS: 'true' }],
  [
    'the log of a pipeline',
    ['history'],
    { GITHUB_ACTIONS: 'true', FORCE_COLOR: '1', NO_COLOR: '' },
  ],
  ['the log of a pipeline', ['history', '--json'], { GITHUB_ACTIONS: 'true' }],
])('what a host has said is seen and not obeyed: %s of fleet %j %j', async (kind, args, env) => {
  const { fleet } = await makeHostileFleet();
  const { stdout, stderr } = await fleet(args, env as Record<string, string>);
  const said = `${stdout}${stderr}`;
  if (kind === 'JSON') expect(said).toContain(JSON.stringify(evil).slice(1, 4));
  expect(said.replace(own, '')).not.toMatch(control);
  expect(said).toContain('bye');
  if (kind !== 'JSON') expect(said).not.toMatch(/^\s*::error/m);
  if (args.includes('--json')) JSON.parse(stdout);
  if ('GITHUB_ACTIONS' in env) expect(said).not.toMatch(/^\s*::(?!error::)|##\[/m);
  if ('FORCE_COLOR' in env) expect(said).toMatch(own);
});

test('an error repeats what it was given as text, in the log of a pipeline as one annotation', async () => {
  const { path, fleet } = await makeFolder();
  await writeFile(
    join(path, 'inventory.yaml'),
    `version: 1\nfleet: "x\\e[2J\\n::error::pwned"\n"\\e]0;t\\a": 1\n`,
  );
  const { code, stderr } = await fleet(['status'], { GITHUB_ACTIONS: 'true' });
  expect(code).toBe(2);
  expect(stderr).not.toMatch(control);
  expect(stderr.match(/^\s*::.*$/gm)).toHaveLength(1);
  const { stderr: usage } = await fleet([`no\u001b[2Jcommand\n::error::x`], {
    GITHUB_ACTIONS: 'true',
  });
  expect(usage).not.toMatch(control);
  expect(usage.match(/^\s*::.*$/gm)).toHaveLength(1);
});
