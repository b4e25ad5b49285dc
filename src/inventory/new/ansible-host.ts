import type { AnsibleProblem, AnsibleVariables } from './ansible-data.ts';
import { type AnsibleText, textOf } from './ansible-variables.ts';
import { type DraftHost, emptyHost } from './draft.ts';
import { hostNameFrom, isAddress, isUserName, portFrom } from './names.ts';

/** A host of Ansible with its variables in effect; `port`: as it was written behind its name. */
export interface AnsibleHost {
  readonly name: string;
  readonly source: string;
  readonly port: string | null;
  readonly variables: AnsibleVariables;
}

/** What fleet takes, by the names that Ansible has for it, today's first. */
const taken = {
  address: ['ansible_host', 'ansible_ssh_host'],
  port: ['ansible_port', 'ansible_ssh_port'],
  user: ['ansible_user', 'ansible_ssh_user'],
  identityFile: ['ansible_ssh_private_key_file', 'ansible_private_key_file'],
  password: ['ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'],
  passphrase: ['ansible_ssh_private_key_passphrase', 'ansible_private_key_passphrase'],
  sudoPassword: ['ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass'],
} as const;
type Taken = keyof typeof taken;

/**
 * Variables that fleet answers by itself: it needs no Python on hosts, and uses sudo where the user
 * is not root.
 */
const needless = [
  'ansible_become',
  'ansible_python_interpreter',
  'ansible_group_priority',
  'ansible_connection',
  'ansible_become_user',
  'ansible_become_method',
];
const known: ReadonlySet<string> = new Set([...Object.values(taken).flat(), ...needless]);
const overSsh = ['ssh', 'smart', 'paramiko', 'paramiko_ssh', 'ansible.builtin.ssh'];

const notReadBecause = {
  vaulted: "is encrypted by Ansible's vault",
  template: 'is a template',
  env: 'is in an environment variable',
} as const;

type SecretKind = 'password' | 'passphrase' | 'sudoPassword';

/**
 * Reads hosts one by one, and keeps what is wrong, what is not read, and which hosts share a
 * secret.
 */
export class AnsibleHostReader {
  readonly problems: AnsibleProblem[] = [];
  /** Host (as fleet calls it) to what tells its secret apart from others. */
  readonly secrets: Readonly<Record<SecretKind, Map<string, string>>> = {
    password: new Map(),
    passphrase: new Map(),
    sudoPassword: new Map(),
  };
  /** Note to the places that it is about. */
  readonly #notes = new Map<string, Set<string>>();
  readonly #pathOf: (path: string) => string;

  /** `pathOf`: where a private key lies that Ansible names. */
  constructor(pathOf: (path: string) => string) {
    this.#pathOf = pathOf;
  }

  /** Null: it is no host that fleet could reach, which is noted, or a mistake. */
  read(host: AnsibleHost): DraftHost | null {
    const name = hostNameFrom(host.name);
    if (name === null) {
      this.problems.push({
        source: host.source,
        text: `"${host.name.slice(0, 60)}" cannot be the name of a host`,
      });
      return null;
    }
    const connection = this.#plain(host, 'ansible_connection');
    if (connection !== null && !overSsh.includes(connection.text)) {
      this.#note(`the host ${host.name.slice(0, 63)}: it is not reached by SSH`, connection.source);
      return null;
    }
    this.#noteOthers(host);
    const address =
      this.#checked(host, 'address', isAddress, 'is no host name or IP address')?.text ?? host.name;
    const port =
      this.#checked(host, 'port', (text) => portFrom(text) !== null, 'is no port from 1 to 65535')
        ?.text ?? host.port;
    const user = this.#checked(host, 'user', isUserName, 'is no user name')?.text;
    const key = this.#checked(host, 'identityFile', (text) => text !== '', 'is no path')?.text;
    for (const kind of ['password', 'passphrase', 'sudoPassword'] as const)
      this.#secret(host, name, kind);
    return {
      ...emptyHost(name, host.source),
      address: address === name ? null : address,
      ...(user === undefined ? {} : { user }),
      ...(port === null ? {} : { port: portFrom(port) ?? 22 }),
      ...(key === undefined ? {} : { identityFile: this.#pathOf(key) }),
    };
  }

  /** One sentence each, with the first places that it is about. */
  notes(): readonly string[] {
    return [...this.#notes].map(([text, places]) => {
      const [first = '', ...more] = places;
      return `${first}: ${text}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
    });
  }

  #note(text: string, source: string): void {
    this.#notes.set(text, (this.#notes.get(text) ?? new Set()).add(source));
  }

  #find(
    { name, variables }: AnsibleHost,
    names: readonly string[],
  ): (AnsibleText & { readonly variable: string }) | null {
    const variable = names.find((each) => variables.has(each));
    const value = variable === undefined ? undefined : variables.get(variable);
    return variable === undefined || value === undefined
      ? null
      : { ...textOf(name, variables, value), variable };
  }

  #plain(
    host: AnsibleHost,
    ...names: readonly string[]
  ): { readonly text: string; readonly source: string } | null {
    const found = this.#find(host, names);
    if (found === null || found.kind === 'text') return found;
    this.#note(`${found.variable} ${notReadBecause[found.kind]}`, found.source);
    return null;
  }

  #checked(
    host: AnsibleHost,
    key: Taken,
    isRight: (text: string) => boolean,
    what: string,
  ): { readonly text: string } | null {
    const found = this.#plain(host, ...taken[key]);
    if (found === null || isRight(found.text)) return found;
    this.problems.push({ source: found.source, text: `${taken[key][0]} ${what}` });
    return null;
  }

  #secret(host: AnsibleHost, name: string, kind: SecretKind): void {
    const found = this.#find(host, taken[kind]);
    if (found === null) return;
    switch (found.kind) {
      case 'text':
        if (found.text !== '') this.secrets[kind].set(name, `text ${found.text}`);
        break;
      case 'env':
        this.secrets[kind].set(name, `env:${found.name}`);
        break;
      default:
        this.#note(`${found.variable} ${notReadBecause[found.kind]}`, found.source);
        this.secrets[kind].set(name, `${found.kind} ${found.source}`);
    }
  }

  #noteOthers(host: AnsibleHost): void {
    const becomes = this.#plain(host, 'ansible_become_user');
    if (becomes !== null && becomes.text !== 'root')
      this.#note('ansible_become_user: fleet becomes root', becomes.source);
    const method = this.#plain(host, 'ansible_become_method');
    if (method !== null && !/(?:^|\.)sudo$/.test(method.text))
      this.#note('ansible_become_method: fleet becomes root by sudo alone', method.source);
    for (const [variable, { source }] of host.variables) {
      if (known.has(variable)) continue;
      if (/^ansible_ssh_(?:common|extra)_args$/.test(variable))
        this.#note(`${variable}: say a jump host in ~/.ssh/config (ProxyJump)`, source);
      else this.#note(`${variable.slice(0, 63)} has no counterpart`, source);
    }
  }
}
