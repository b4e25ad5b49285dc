import type { Ledger } from '../../ledger/ledger.ts';
import { recordLetIn, recordRefused } from '../../ledger/queries/host-logins.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import {
  countRefusal,
  isLoginRefused,
  type LoginGate,
  type LoginRefusal,
  pausedBy,
} from '../../remote/shared/login-pause.ts';

/** The columns of a host that tell of refused logins. */
type RefusedRow = Pick<HostRow, 'name' | 'refused_at' | 'refusals' | 'refusal'>;

/** What the ledger has of a host's refusals; null: it accepts fleet's logins. */
function refusalOf({ name, refused_at, refusals, refusal }: RefusedRow): LoginRefusal | null {
  if (refused_at === null) return null;
  return { error: errorOf(name, refusal), count: Number(refusals), atMs: refused_at };
}

const wordsOf = ({ code, message, hint }: FleetError): string =>
  JSON.stringify({ code, message, hint });

/**
 * As it was recorded. A ledger is a file that others may have written: what cannot be parsed
 * becomes a plain refusal.
 */
function errorOf(host: string, words: string | null): FleetError {
  const { code, message, hint } = fieldsOf(words);
  const known = code === 'ssh-host-key' ? code : 'ssh-auth';
  const text =
    typeof message === 'string' && message !== '' ? message : `${host}: the login was refused`;
  return new FleetError(known, text, {
    host,
    hint: typeof hint === 'string' ? hint : `look at it: fleet ssh ${host}`,
  });
}

function fieldsOf(words: string | null): {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly hint?: unknown;
} {
  try {
    const value: unknown = JSON.parse(words ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * Remembers in the ledger which hosts refuse the login. `isUnasked`: nobody has just asked for it,
 * as with cron, so that such a host is left alone for a while;
 * what a person asks for is done at once.
 */
export function ledgerLogins(
  { db }: Pick<Ledger, 'db'>,
  isUnasked: boolean,
  now: () => number,
): LoginGate {
  let known: Promise<Map<string, LoginRefusal>> | undefined;
  const read = async (): Promise<Map<string, LoginRefusal>> => {
    const rows = await listHosts(db);
    return new Map(
      rows.flatMap((row) => {
        const refusal = refusalOf(row);
        return refusal === null ? [] : [[row.name, refusal] as const];
      }),
    );
  };
  const refusals = (): Promise<Map<string, LoginRefusal>> => {
    known ??= read();
    return known;
  };
  return {
    pausedBy: async (host) =>
      isUnasked ? pausedBy((await refusals()).get(host) ?? null, host, now()) : null,
    async note(host, error) {
      const all = await refusals();
      if (error === null) {
        if (all.delete(host)) await recordLetIn(db, host);
      } else if (isLoginRefused(error)) {
        const atMs = now();
        all.set(host, countRefusal(all.get(host) ?? null, error, atMs));
        await recordRefused(db, host, wordsOf(error), atMs);
      }
    },
  };
}
