/**
 * A verb that somebody adds: one object, and everything else follows from it. Called by the command
 * line, and by a caller that has no terminal.
 */
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { complete } from '../../src/cli/complete.ts';
import { commandsMarkdown, manualPage } from '../../src/cli/manual/manual.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { addVerb } from '../../src/cli/verb-command.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount } from '../../src/ledger/queries/accounts.ts';
import { FleetError } from '../../src/model/errors.ts';
import { argument, dryRun, option } from '../../src/verbs/input.ts';
import { jsonSchemaOf } from '../../src/verbs/input-schema.ts';
import { verbParents, verbs } from '../../src/verbs/registry.ts';
import { routeOf } from '../../src/verbs/route.ts';
import { runVerb } from '../../src/verbs/run-verb.ts';
import { defineChange, type Verb } from '../../src/verbs/verb.ts';
import { makeFolder } from '../cli/fleet-command.ts';
import { bareDesk } from './bare-desk.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Gives accounts another name for people. */
const callAccounts: Verb = defineChange({
  name: 'accounts call',
  group: 'accounts',
  summary: 'call accounts something',
  input: {
    accounts: argument({ of: 'account', isMany: true }),
    as: option({
      shown: 'name',
      words: 'what people call them',
      choices: ['night', 'day'],
      isRequired: true,
    }),
    dryRun: dryRun(),
  },
  examples: [
    ["accounts call 'shop-*' --as night", 'all whose name begins with shop-'],
    ['accounts call anna --as day --dry-run', 'only show it'],
  ],
  files: ['inventory', 'ledger'],
  async plan({ ledger }, { accounts }) {
    const rows = await ledger.db
      .selectFrom('accounts')
      .select(['name', 'display_name'])
      .where('name', 'in', [...accounts])
      .execute();
    return rows
      .map(({ name, display_name: before }) => ({ name, before }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  },
  isEmpty: (plan) => plan.length === 0,
  question: (plan, { as }) => `Call ${plan.length} accounts ${as}?`,
  async execute({ ledger }, _begin, plan, { as }) {
    for (const { name } of plan)
      await ledger.db
        .updateTable('accounts')
        .set({ display_name: as })
        .where('name', '=', name)
        .execute();
    return plan.length;
  },
  toJson: (plan, done) => ({ plan, called: done }),
});

test('help, completion, the manual, the documents, JSON schema and route of a new verb follow from its object', async () => {
  const program = buildProgram();
  const before = commandsMarkdown(program);
  addVerb(program, callAccounts, verbParents);
  const command = program.commands
    .find((each) => each.name() === 'accounts')
    ?.commands.find((each) => each.name() === 'call');
  const said: string[] = [];
  command?.configureOutput({ writeOut: (text) => void said.push(text), getOutHelpWidth: () => 80 });
  command?.outputHelp();
  for (const part of [
    'Usage: fleet accounts call [options] <accounts...>',
    "fleet accounts call 'shop-*' --as night",
    'Exit codes:',
    'fleet.db',
  ])
    expect(said.join('')).toContain(part);
  expect(before).not.toContain('fleet accounts call');
  for (const text of [
    commandsMarkdown(program),
    manualPage(program, '1.2.3').replaceAll('\\-', '-'),
  ])
    expect(text).toContain('fleet accounts call');
  const { path } = await makeFolder();
  const typed = (...words: string[]) =>
    complete(program, ['--inventory', join(path, 'inventory.yaml'), ...words]);
  expect(await typed('accounts', 'cal')).toBe('call');
  expect((await typed('accounts', 'call', 'anna', '--a')).split('\n')).toContain('--as');
  expect(await typed('accounts', 'call', 'anna', '--as', 'n')).toBe('night');
  expect(jsonSchemaOf(callAccounts)).toMatchObject({
    required: ['accounts', 'as'],
    properties: { as: { enum: ['night', 'day'] } },
  });
  expect(routeOf(callAccounts)).toEqual({
    method: 'POST',
    path: '/v1/accounts/call',
    steps: 'plan-then-apply',
  });
});

test('a caller without the command line plans, agrees to that very plan, and looks', async () => {
  const { path } = await makeFolder();
  const inventory = join(path, 'inventory.yaml');
  const ledger = await openLedger(join(path, 'fleet.db'));
  for (const [index, name] of ['shop-1', 'shop-2', 'anna'].entries()) {
    const about = {
      user_id: null,
      data_centre: 2,
      is_bot: 0,
      source_format: 'telethon',
      vault_hash: 'h',
      imported_at: 1,
    };
    await insertAccount(ledger.db, {
      name,
      key_id: `${index}`.padStart(32, '0'),
      ...about,
      display_name: null,
    });
  }
  await ledger.close();
  const input = { accounts: ['shop-*'], as: 'night', dryRun: false, limit: [] };
  const planned = await runVerb(callAccounts, { ...input, dryRun: true }, bareDesk({ inventory }));
  expect(planned).toMatchObject({
    isPlanOnly: true,
    data: { called: null, plan: [{ name: 'shop-1' }, { name: 'shop-2' }] },
  });
  const seen = JSON.stringify(planned.plan);
  const applying = bareDesk({
    inventory,
    agree: (_, proposal) => {
      if (JSON.stringify(proposal?.plan) !== seen)
        throw new FleetError('usage', 'the fleet has changed since', { hint: 'plan again' });
    },
  });
  expect(await runVerb(callAccounts, input, applying)).toMatchObject({
    isPlanOnly: false,
    data: { called: 2 },
  });
  // What was planned is not what would be done now: nothing is done.
  await expect(runVerb(callAccounts, { ...input, as: 'day' }, applying)).rejects.toThrow(
    'the fleet has changed since',
  );
  const list = verbs.find(({ name }) => name === 'accounts list');
  if (list === undefined) throw new Error('the verb has another name');
  const { data } = await runVerb(
    list,
    { state: [], sort: 'name', limit: [] },
    bareDesk({ inventory }),
  );
  expect(data).toMatchObject({
    accounts: [
      { name: 'anna', displayName: null },
      { name: 'shop-1', displayName: 'night' },
      { name: 'shop-2', displayName: 'night' },
    ],
  });
});
