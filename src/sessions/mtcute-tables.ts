import { assembleSession } from './assemble-session.ts';
import { parseMtcuteAddress } from './mtcute-string.ts';
import { refuse, type SessionOutcome } from './session-outcome.ts';
import type { SessionTables } from './sqlite-table.ts';

/**
 * i32 1 · i32 flags (1 a bot) · i53 user id (u32 low, i32 high), little-endian; what follows is not
 * needed.
 */
const selfOf = (
  data: Uint8Array | undefined,
): { readonly userId: bigint; readonly isBot: boolean } | null => {
  const bytes = Buffer.from(data ?? []);
  if (bytes.length < 16 || bytes.readInt32LE(0) !== 1) return null;
  return { userId: bytes.readBigInt64LE(8), isBot: (bytes.readInt32LE(4) & 1) !== 0 };
};

/**
 * mtcute's own storage (`@mtcute/core`, storage/sqlite): `key_value` has the address of the main
 * data centre and the user, `auth_keys` a key for each data
 * centre. Codes: `NO_ROW`, `CORRUPT` and those of {@link assembleSession}. Pure.
 */
export const parseMtcuteTables = (tables: SessionTables, where: string): SessionOutcome => {
  const bytesUnder = (key: string): Uint8Array | undefined => {
    const value = tables.get('key_value')?.rows.find((row) => row.key === key)?.value;
    return value instanceof Uint8Array ? value : undefined;
  };
  const main = bytesUnder('dc_main');
  if (main === undefined)
    return refuse(
      'NO_ROW',
      where,
      'names no data centre',
      'It was created but never logged in: log in with the tool that made it, then import again.',
    );
  const address = parseMtcuteAddress(main);
  if (address === undefined)
    return refuse(
      'CORRUPT',
      where,
      'names its data centre in a way that is not known',
      'Write it out as a string with mtcute (exportSession).',
    );
  const row = tables
    .get('auth_keys')
    ?.rows.find(({ dc }) => dc === BigInt(address.dataCentre) || dc === address.dataCentre);
  const self = selfOf(bytesUnder('current_user'));
  return assembleSession(
    {
      format: 'mtcute',
      dataCentre: BigInt(address.dataCentre),
      authKey: row?.key instanceof Uint8Array ? row.key : new Uint8Array(),
      ...{ userId: self?.userId ?? null, userRequired: false, isBot: self?.isBot ?? false },
      ...{ testMode: address.testMode, address: address.address, apiId: null, warnings: [] },
    },
    where,
  );
};
