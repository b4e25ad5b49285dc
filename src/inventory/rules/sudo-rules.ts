import type { KeyPath } from './yaml-document.ts';

type Raw = Readonly<Record<string, unknown>>;

const mapAt = (value: unknown, key: string): Raw => {
  const inner =
    typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      ? Reflect.get(value, key)
      : undefined;
  return typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : {};
};

/**
 * What applies to a host of `ssh`: of the whole, of its groups (what a group belongs to comes
 * before it), its own.
 */
const sshOf = (raw: unknown, host: Raw): Raw => {
  const groups = mapAt(raw, 'groups');
  const layers: Raw[] = [];
  const seen = new Set<string>();
  const visit = (of: Raw): void => {
    for (const name of Array.isArray(of.groups) ? of.groups : []) {
      if (typeof name !== 'string' || seen.has(name)) continue;
      seen.add(name);
      visit(mapAt(groups, name));
      layers.push(mapAt(mapAt(groups, name), 'ssh'));
    }
  };
  visit(host);
  return Object.assign({}, mapAt(raw, 'ssh'), ...layers, mapAt(host, 'ssh'));
};

/**
 * `ssh.sudo: narrow` takes rights away, so each host needs to know whose, and how `fleet init` gets
 * in again. Raw data, as it was written.
 */
export const sudoRules = (
  raw: unknown,
): readonly { readonly path: KeyPath; readonly text: string; readonly target: 'key' }[] =>
  Object.keys(mapAt(raw, 'hosts')).flatMap((name) => {
    const {
      sudo,
      user,
      init_user: initUser,
      sudo_password: password,
    } = sshOf(raw, mapAt(mapAt(raw, 'hosts'), name));
    if (sudo !== 'narrow') return [];
    const found = (text: string) => [
      { path: ['hosts', name], target: 'key' as const, text: `ssh.sudo: narrow ${text}` },
    ];
    if (typeof user !== 'string')
      return found('needs ssh.user: the user whose rights are narrowed');
    if (user === 'root')
      return found('means a user who becomes root by sudo, and ssh.user is root');
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(user))
      return found('takes as ssh.user letters, digits, "_" and "-" only');
    if (initUser === user)
      return found('needs another ssh.init_user than ssh.user, whose rights are narrowed');
    if (initUser === undefined && password === undefined)
      return found('needs a way back for fleet init: ssh.init_user or ssh.sudo_password');
    return [];
  });
