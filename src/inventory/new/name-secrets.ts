import { variableFor } from './names.ts';

/**
 * For each host that has a secret, the reference that takes its place: one environment variable for
 * each different secret, called after the first host that has
 * it; without a host's name where all `secrets` are one. `secrets`: host to what tells secrets
 * apart, which may be the secret and is not kept; what begins with
 * `env:` is a reference already.
 */
export function nameSecrets(
  what: string,
  secrets: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const isShared = new Set(secrets.values()).size === 1;
  const owners = new Map<string, string>();
  const taken = new Set<string>();
  const named = [...secrets].map(([host, secret]): readonly [string, string] => {
    if (secret.startsWith('env:')) return [host, secret.slice('env:'.length)];
    const known = owners.get(secret);
    if (known !== undefined) return [host, known];
    const plain = variableFor(what, isShared ? null : host);
    // Names that differ in "-" and "." alone would share a variable.
    const name = taken.has(plain) ? `${plain}_${taken.size + 1}` : plain;
    taken.add(name);
    owners.set(secret, name);
    return [host, name];
  });
  return new Map(named.map(([host, name]) => [host, `env:${name}`]));
}
