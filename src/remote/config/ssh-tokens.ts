import { FleetError } from '../../model/errors.ts';
import { UnsupportedConfig } from './unsupported.ts';

/**
 * Values by token letter. Absent: the keyword does not allow the token. Null: fleet cannot tell its
 * value.
 */
export type Tokens = Readonly<Record<string, string | null>>;

/**
 * Expands `%x` (and `%%`), and `${NAME}` where an environment is given, in one pass: what a value
 * contains is not expanded again. Throws
 * `ssh-config` for a token that the keyword does not allow and for a variable that is not set, as
 * OpenSSH ends there.
 */
export function expandTokens(
  text: string,
  tokens: Tokens,
  keyword: string,
  environment?: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(
    /%([\s\S]?)|\$\{([^}]*)(\}?)/g,
    (whole, token: string | undefined, name: string | undefined, end: string) => {
      if (token === '%') return '%';
      if (token !== undefined) return tokenValue(tokens[token], token, keyword, text);
      if (environment === undefined) return whole;
      const value = end === '}' && name !== undefined ? environment[name] : undefined;
      if (value === undefined)
        throw bad(`${keyword} ${text}: the environment variable ${name} is not set`);
      return value;
    },
  );
}

function tokenValue(
  value: string | null | undefined,
  token: string,
  keyword: string,
  text: string,
): string {
  if (value === undefined)
    throw bad(`${keyword} ${text}: the token %${token} has no meaning there`);
  if (value !== null) return value;
  throw new UnsupportedConfig(
    `ssh config: ${keyword} ${text}: the token %${token} is not supported there`,
    { hint: 'write the value in full in the ssh config' },
  );
}

const bad = (what: string): FleetError =>
  new FleetError('ssh-config', `ssh config: ${what}`, {
    hint: 'write the value in full in the ssh config',
  });
