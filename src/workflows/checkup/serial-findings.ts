import type { HostCheckup } from '../../facts/host-checkup.ts';
import { lastSerial, readStaleness, staleError } from '../../ledger/queries/staleness.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { sentenceOf } from '../../model/events/event.ts';
import type { Finding } from '../../model/finding.ts';
import { fallenBackHint, hasFallenBack } from '../../ownership/fallen-back.ts';
import type { FleetContext } from '../context.ts';

/**
 * How long a host that had fallen back, and was told since, is still named, ms: somebody has to
 * look at why.
 */
const rememberedForMs = 7 * 86_400_000;

/**
 * Hosts and ledger hold what they have of each other's serials against each other
 * (docs/exclusivity.md, row 41): the ledger is an older copy where a host obeys
 * a later run; a host has fallen back where it knows less than it had acknowledged, now or when it
 * was last told.
 */
export async function serialFindings(
  { ledger, now }: Pick<FleetContext, 'ledger' | 'now'>,
  heard: readonly (readonly [host: string, authority: HostCheckup['authority']])[],
  rows: ReadonlyMap<string, HostRow>,
): Promise<Finding[]> {
  // A ledger that knows to be an old copy says so itself, and cannot judge.
  if ((await readStaleness(ledger.db)) !== null) return [];
  const last = await lastSerial(ledger.db);
  return heard.flatMap(([where, authority]): Finding[] => {
    const row = rows.get(where);
    const critical = (text: string, remedy: string): Finding[] => [
      { where, level: 'critical', text, remedy },
    ];
    if (authority !== null && authority.id !== ledger.authorityId) return [];
    const knows = authority === null ? 0 : authority.serial;
    if (knows !== undefined && knows > last) {
      const reason = `${where} has obeyed its run ${knows}, and its last one is ${last}`;
      return critical(staleError(reason).message, staleError(reason).hint);
    }
    const acknowledged = row?.acknowledged_serial ?? null;
    if (acknowledged !== null && hasFallenBack(acknowledged, knows))
      return critical(
        sentenceOf({ kind: 'host-fell-back', host: where, acknowledged, knew: knows }),
        fallenBackHint(where),
      );
    if (row?.fell_back_at == null || now() - row.fell_back_at > rememberedForMs) return [];
    const text =
      `on ${new Date(row.fell_back_at).toISOString()} it knew only run ` +
      `${row.fell_back_to ?? 0} of this ledger, and had acknowledged a later one: its disk ` +
      'was put back';
    return [{ where, level: 'warning', text, remedy: fallenBackHint(where) }];
  });
}
