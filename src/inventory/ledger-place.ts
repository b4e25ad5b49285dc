import { resolve } from 'node:path';
import { FleetError } from '../model/errors.ts';
import type { Inventory } from '../model/inventory.ts';
import type { LedgerPlace, PostgresPlace, PostgresSettings } from '../model/ledger-place.ts';
import { ledgerRules } from './rules/ledger-rules.ts';
import type { InventoryYaml } from './schema/schema.ts';
import { ledgerPlace } from './schema/schema-leaves.ts';

/** Whether `ledger:` names a database and not a file. */
const isAddress = (written: string): boolean => /^postgres(?:ql)?:\/\//.test(written);

/** From `postgres:` of the inventory. */
export const postgresFrom = (
  { password, ca, tls }: Partial<NonNullable<InventoryYaml['postgres']>>,
  absolute: (path: string) => string,
): PostgresSettings => ({
  password: password ?? null,
  caPath: ca === undefined ? null : absolute(ca),
  isPlain: tls === 'off',
});

/**
 * Where a ledger is that was named outside of the inventory; a path starts at the current folder.
 * Errors: `usage`.
 */
export function namedLedgerPlace(
  written: string,
  { postgres }: Pick<Inventory, 'postgres'>,
): LedgerPlace {
  const { error } = ledgerPlace().safeParse(written);
  const tls = postgres.isPlain ? 'off' : 'verify';
  const [problem] = ledgerRules({ ledger: written, postgres: { tls } });
  const text = error?.issues[0]?.message ?? (problem && `postgres.tls ${problem.text}`);
  if (text !== undefined)
    throw new FleetError('usage', `"${written}" is no place for a ledger: ${text}`, {
      hint: 'for example: postgres://fleet@db.example.net/fleet, or fleet.db',
    });
  return ledgerPlaceFrom(written, postgres, (path) => resolve(path));
}

/** Where the ledger is, from an address or a path in the form of the schema. */
export function ledgerPlaceFrom(
  written: string,
  { password, caPath, isPlain }: PostgresSettings,
  absolute: (path: string) => string,
): LedgerPlace {
  if (!isAddress(written)) return { kind: 'file', path: absolute(written) };
  const { host, ...server } = serverIn(written);
  const isSocket = host.startsWith('/');
  return {
    ...{ kind: 'postgres', host, ...server, password },
    caPath: isSocket ? null : caPath,
    isPlain: isSocket || isPlain,
  };
}

/** User, server and database of an address in the form of the schema. */
function serverIn(address: string): Pick<PostgresPlace, 'host' | 'port' | 'user' | 'database'> {
  const found = /^\w+:\/\/([^@]+)@(?:\[([^\]]+)\]|([^/:]*))(?::(\d+))?\/([^?]+)(?:\?(.*))?$/.exec(
    address,
  );
  const [, user = '', address6, name = '', port, database = '', query = ''] = found ?? [];
  const options = new URLSearchParams(query);
  return {
    host: options.get('host') ?? address6 ?? name,
    port: Number(port ?? options.get('port') ?? 5432),
    user: decodeURIComponent(user),
    database: decodeURIComponent(database),
  };
}
