/**
 * What people call accounts: every verb takes it, every screen shows it, in any script and on any
 * width of terminal.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { columnsOf } from '../../src/cli/render/columns.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { insertMove } from '../../src/ledger/queries/moves.ts';
import { recordHistory } from '../../src/ledger/queries/records.ts';
import { accountMeant } from '../../src/model/called.ts';
import { meantInput } from '../../src/verbs/meant-input.ts';
import { verbs } from '../../src/verbs/registry.ts';
import { type Folder, makeFolder } from './fleet-command.ts';
import { startOnTerminal } from './screen/on-terminal.ts';

vi.setConfig({ testTimeout: 240_000 });

const accounts = [
  { name: 'anna', displayName: null },
  { name: 'account-0a1b2c3d', displayName: '小王' },
  { name: 'account-4e5f6a7b', displayName: '运营账号，负责晚间在群里回答问题的那一个' },
  { name: 'svetlana-11aa22', displayName: 'Светлана Ильинична' },
  { name: 'garden-33bb44', displayName: 'Garden' },
  { name: 'garden-55cc66', displayName: 'garden ' },
  { name: 'anna-77dd88', displayName: 'anna' },
] as const;

describe('the account that is meant', () => {
  test.for([
    ['anna', 'anna'],
    ['nobody', 'nobody'],
    ['小王', 'account-0a1b2c3d'],
    [' 小王 ', 'account-0a1b2c3d'],
    ['светлана  ильинична', 'svetlana-11aa22'],
    ['Светлана Ильинична'.normalize('NFD'), 'svetlana-11aa22'],
  ] as const)('%j is %s', ([word, name]) => expect(accountMeant(accounts, word)).toBe(name));

  test('nobody, or several, is a mistake that names the candidates', () => {
    expect(() => accountMeant(accounts, '小李')).toThrow('no account is called "小李"');
    try {
      accountMeant(accounts, 'GARDEN');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'usage', problems: ['garden-33bb44', 'garden-55cc66'] });
    }
  });
});

/**
 * A fleet whose accounts stand on the first host, each with a decision, two of them with an open
 * move.
 */
async function makeFleet(): Promise<Folder> {
  const folder = await makeFolder();
  const ledger = await openLedger(join(folder.path, 'fleet.db'));
  await ensureHosts(ledger.db, ['web-1', 'web-2']);
  for (const [index, { name, displayName }] of accounts.entries()) {
    const about = {
      user_id: null,
      data_centre: 2,
      is_bot: 0,
      source_format: 'telethon',
      vault_hash: 'h',
      imported_at: 1,
    };
    const key_id = `${index}`.padStart(32, '0');
    await insertAccount(ledger.db, { name, key_id, ...about, display_name: displayName });
    await setPlacement(ledger.db, {
      account: name,
      host: 'web-1',
      epoch: 1,
      move_id: 'm',
      since: 1,
    });
    const decision = {
      account: name,
      host: 'web-1',
      score: null,
      strategy: null,
      reason: 'it scores lowest of all hosts that have room',
    };
    const entry = {
      at: 1,
      host: 'web-1',
      from_host: null,
      type: 'initial',
      score: null,
      strategy: null,
    } as const;
    const decision_json = JSON.stringify(decision);
    await recordHistory(ledger.db, {
      ...entry,
      account: name,
      reason: decision.reason,
      move_id: `h${index}`,
      decision_json,
    });
    if (index > 2) continue;
    const move = {
      id: `m${index}`,
      account: name,
      key_id,
      kind: 'rebalance',
      from_host: 'web-1',
      to_host: 'web-2',
      epoch: 2,
    } as const;
    await insertMove(ledger.db, { ...move, decision_json, created_at: 1 });
  }
  await ledger.close();
  return folder;
}

test('every verb that takes an account takes what people call it', async () => {
  const { path, fleet } = await makeFleet();
  const inventory = join(path, 'inventory.yaml');
  const taking = verbs.flatMap((verb) => {
    const fields = Object.entries(verb.input).filter(([, { of }]) => of === 'account');
    return fields.length === 0 ? [] : [{ verb, fields }];
  });
  expect(taking.length).toBeGreaterThanOrEqual(20);
  const resolved = (word: string) =>
    Promise.all(
      taking.map(async ({ verb, fields }) => {
        const given = Object.fromEntries(
          fields.map(([key, { isMany }]) => [key, isMany ? [word] : word]),
        );
        const { limit: _, ...meant } = await meantInput(
          verb,
          { ...given, limit: [] },
          { inventory },
        );
        return Object.values(meant).flat();
      }),
    );
  for (const names of await resolved('小王'))
    expect(new Set(names)).toEqual(new Set(['account-0a1b2c3d']));
  for (const names of await resolved('anna')) expect(new Set(names)).toEqual(new Set(['anna']));
  await expect(resolved('小李')).rejects.toThrow('no account is called "小李"');
  await expect(resolved('Garden')).rejects.toThrow('2 accounts are called "Garden"');
  const shown = await fleet(['accounts', 'show', '小王', '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    account: { name: 'account-0a1b2c3d', displayName: '小王' },
  });
  expect((await fleet(['history', '--account', 'светлана ильинична'])).stdout).toContain(
    'svetlana-11aa22 (Светлана Ильинична)',
  );
  expect(await fleet(['why', 'Garden'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('garden-55cc66'),
  });
});

/** As the Unicode database of another program has it. */
function columnsByPython(lines: readonly string[]): number[] {
  const program = `import sys, json, unicodedata as u
print(json.dumps([sum(0 if u.category(c) in ('Mn', 'Me') else 2 if u.east_asian_width(c) in 'WF' else 1 for c in line) for line in json.load(sys.stdin)]))`;
  return JSON.parse(
    execFileSync('python3', ['-c', program], { input: JSON.stringify(lines), encoding: 'utf8' }),
  ) as number[];
}

test('columns of characters are those of Unicode', () => {
  const blocks = [
    [0x20, 0x7e],
    [0x400, 0x52f],
    [0x5d0, 0x5ea],
    [0x1100, 0x115e],
    [0x2500, 0x257f],
    [0x3041, 0x3096],
    [0x4e00, 0x9fff],
    [0xac00, 0xd7a3],
    [0xff01, 0xff60],
    [0xff61, 0xff9f],
    [0x1f320, 0x1f330],
    [0x1f600, 0x1f64f],
    [0x20000, 0x2a6d6],
  ] as const;
  const characters = blocks.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index)),
  );
  expect(characters.map(columnsOf)).toEqual(columnsByPython(characters));
});

const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
  text.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '').replaceAll('\r', '');

test.for([60, 80, 120])(
  'screens of %d columns: nothing is wider, nobody is missing, and with --wide nothing is broken',
  async (columns) => {
    const { path, fleet } = await makeFleet();
    const env = { PATH: process.env.PATH ?? '', HOME: path, TERM: 'xterm-256color' };
    const program = join(import.meta.dirname, '../../bin/fleet');
    for (const args of [['status'], ['history'], ['moves']]) {
      const run = startOnTerminal([program, ...args], { cwd: path, env, columns });
      await run.ends();
      const lines = plain(run.shown()).split('\n');
      const widths = columnsByPython(lines);
      expect(lines.filter((_, index) => (widths[index] ?? 0) > columns)).toEqual([]);
      const wide = await fleet([...args, '--wide']);
      const squeezed = lines.join('').replaceAll(/\s/g, '');
      for (const { displayName } of accounts) {
        if (displayName === null || !wide.stdout.includes(displayName)) continue;
        const words = displayName.split(' ');
        expect(
          words.every((word) => squeezed.includes(word) || columns < 80),
          `${args.join(' ')}: ${displayName}\n${lines.join('\n')}`,
        ).toBe(true);
      }
    }
    for (const args of columns === 60 ? [['status'], ['accounts', 'list'], ['history']] : []) {
      const { stdout } = await fleet([...args, '--wide']);
      for (const { name, displayName } of accounts)
        expect(stdout).toContain(displayName === null ? name : `${name} (${displayName.trim()}`);
    }
  },
);
