import type { SecretReference } from './secret-reference.ts';

/** Where a fleet's ledger is kept. */
export type LedgerPlace = FilePlace | PostgresPlace;

/** A SQLite file of this machine. */
export interface FilePlace {
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
}

/** How servers are reached, from `postgres:` of the inventory. */
export interface PostgresSettings {
  /** null: the server asks for none, or `PGPASSWORD` and `~/.pgpass` have it. */
  readonly password: SecretReference | null;
  /** PEM file of who signs the server's certificate, absolute; null: whom this machine trusts. */
  readonly caPath: string | null;
  /** Without TLS: only through a unix socket, or to this very machine. */
  readonly isPlain: boolean;
}

/** A PostgreSQL database, which several machines share. */
export interface PostgresPlace extends PostgresSettings {
  readonly kind: 'postgres';
  /** Name or address of the server, or the absolute folder of its unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** As messages call it: the file's path, or a URL, which never has a password. */
export function ledgerPlaceText(place: LedgerPlace): string {
  if (place.kind === 'file') return place.path;
  const { host, port, user, database } = place;
  const isSocket = host.startsWith('/');
  const server = isSocket
    ? ''
    : `${host.includes(':') ? `[${host}]` : host}${port === 5432 ? '' : `:${port}`}`;
  const socket = isSocket ? `?host=${host}${port === 5432 ? '' : `&port=${port}`}` : '';
  return `postgres://${encodeURIComponent(user)}@${server}/${encodeURIComponent(database)}${socket}`;
}
