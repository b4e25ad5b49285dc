import { assembleSession } from './assemble-session.ts';
import { refuse, type SessionOutcome } from './session-outcome.ts';

/**
 * A StoreSession folder of GramJS or teleproto: one file a value, named by `NAME:authKey`,
 * `NAME:dcId`, `NAME:serverAddress` in the encoding of URLs (node-localstorage),
 * each holding JSON. The key is a Buffer as JSON writes it.
 */
const keyName = /^(.*)authKey$/s;

const decoded = (name: string): string => {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
};

/**
 * Whether a file of this name holds a value of a login; what the library caches of other people is
 * left alone.
 */
export const isStoreFile = (name: string): boolean =>
  /(?::|%3A)(?:authKey|dcId|serverAddress)$/i.test(name);

const jsonIn = (file: Buffer | undefined): unknown => {
  try {
    return file === undefined ? null : JSON.parse(file.toString('utf8'));
  } catch {
    return null;
  }
};

const bytesOf = (value: unknown): Buffer => {
  const list = typeof value === 'object' && value !== null && 'data' in value ? value.data : value;
  const isList =
    Array.isArray(list) && list.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
  return isList ? Buffer.from(list as number[]) : Buffer.alloc(0);
};

/**
 * The logins of a folder, by name; one refusal where there is none. `files`: those of {@link
 * isStoreFile}, by name. Codes: `NO_KEY` and those of {@link assembleSession}. Never throws.
 */
export const parseStoreSession = (
  files: ReadonlyMap<string, Buffer>,
  where: string,
): readonly SessionOutcome[] => {
  const values = new Map([...files].map(([name, file]) => [decoded(name), file]));
  const prefixes = [...values.keys()]
    .map((name) => keyName.exec(name)?.[1])
    .filter((prefix) => prefix !== undefined);
  if (prefixes.length === 0)
    return [
      refuse(
        'NO_KEY',
        where,
        'holds no authorization key',
        'Log in with the program that made it, stop it, and import the folder again.',
      ),
    ];
  return prefixes.sort().map((prefix) => {
    const dataCentre = jsonIn(values.get(`${prefix}dcId`));
    const address = jsonIn(values.get(`${prefix}serverAddress`));
    return assembleSession(
      {
        format: 'store-session',
        dataCentre:
          typeof dataCentre === 'number' && Number.isSafeInteger(dataCentre)
            ? BigInt(dataCentre)
            : 0n,
        authKey: bytesOf(jsonIn(values.get(`${prefix}authKey`))),
        ...{
          userId: null,
          userRequired: false,
          isBot: false,
          testMode: false,
          apiId: null,
          warnings: [],
        },
        address: typeof address === 'string' ? address : null,
      },
      prefixes.length === 1 ? where : `${where} (${prefix.replace(/:$/, '')})`,
    );
  });
};
