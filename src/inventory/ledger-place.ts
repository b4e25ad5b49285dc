import type { LedgerPlace, PostgresPlace } from '../model/ledger-place.ts';
import type { InventoryYaml } from './schema/schema.ts';

/** Whether `ledger:` names a database and not a file. */
const isAddress = (written: string): boolean => /^postgres(?:ql)?:\/\//.test(written);

/**
 * Where the ledger is, from `ledger:` and `postgres:` of the inventory, or from an address on the
 * command line in the form of the schema.
 */
export function ledgerPlaceFrom(
  written: string,
  { password, ca, tls }: Partial<NonNullable<InventoryYaml['postgres']>>,
  absolute: (path: string) => string,
): LedgerPlace {
  if (!isAddress(written)) return { kind: 'file', path: absolute(written) };
  const { host, ...server } = serverIn(written);
  const isSocket = host.startsWith('/');
  return {
    ...{ kind: 'postgres', host, ...server, password: password ?? null },
    caPath: ca === undefined || isSocket ? null : absolute(ca),
    isPlain: isSocket || tls === 'off',
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
