import { expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { TestEngine } from './engines.ts';
import { calls, smallCalls, smallRooms } from './every-query.ts';

/** Ids differ between any two ledgers. */
const withoutIds = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');

const tables = [
  ...['meta', 'hosts', 'forgotten_hosts', 'accounts', 'logins', 'epochs', 'placements'],
  ...['moves', 'history', 'samples', 'decision_inputs', 'events', 'chain', 'canaries', 'runs'],
  ...['lock', 'alerts', 'alert_messages', 'alert_silences', 'alert_channels'],
  ...['api_tokens', 'api_plans', 'api_jobs', 'api_answers'],
] as const;

async function contentOf({ db }: Ledger): Promise<Record<string, readonly string[]>> {
  const content: Record<string, readonly string[]> = {};
  for (const table of tables) {
    const rows = await db.selectFrom(table).selectAll().execute();
    content[table] = rows
      .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
      .map(withoutIds)
      .sort();
  }
  return content;
}

/** Each function once on both engines. */
export const queriesContract = (engines: readonly TestEngine[]): void =>
  it('every query answers the same and leaves the same rows on both engines', async () => {
    const all = { ...calls, ...smallCalls };
    const exported = smallRooms.flatMap((room) =>
      Object.entries(room).flatMap(([name, value]) => (typeof value === 'function' ? [name] : [])),
    );
    // It makes an error.
    expect(Object.keys(smallCalls).sort()).toEqual(
      exported.filter((name) => name !== 'changedLogin').sort(),
    );
    const told: Record<string, Record<string, unknown>> = {};
    const left: Record<string, unknown> = {};
    for (const engine of engines) {
      const ledger = await engine.open();
      const answers: Record<string, unknown> = {};
      for (const [name, call] of Object.entries(all)) {
        const answer = await call(ledger).catch((error: unknown) => {
          throw new Error(`${name} on ${engine.name}`, { cause: error });
        });
        answers[name] = JSON.parse(withoutIds(JSON.stringify(answer) ?? 'null'));
      }
      told[engine.name] = answers;
      left[engine.name] = await contentOf(ledger);
      await ledger.close();
    }
    const { sqlite, postgres } = told;
    for (const name of Object.keys(all)) expect(postgres?.[name], name).toEqual(sqlite?.[name]);
    expect(left.postgres).toEqual(left.sqlite);
  });
