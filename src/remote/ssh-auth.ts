import { access, readFile } from 'node:fs/promises';
import type { AnyAuthMethod, AuthHandlerMiddleware, BaseAgent, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2';
import { FleetError } from '../model/errors.ts';
import type { SecretReference } from '../model/inventory.ts';
import type { SshContext } from './ssh-context.ts';
import type { SshTarget } from './ssh-target.ts';

type Ssh2 = typeof import('ssh2');

/** One thing to try at the login. `label` is for messages; `method` is SSH's name of it, which the server must offer. */
interface Candidate {
  readonly label: string;
  readonly method: 'publickey' | 'password' | 'keyboard-interactive';
  readonly auth: AnyAuthMethod;
}

/** Everything a login may try, in order, and why other things may not be tried. */
export interface AuthPlan {
  readonly handler: AuthHandlerMiddleware;
  /** Labels of what has been tried so far. */
  readonly tried: readonly string[];
  /** One line each, for the hint: keys that cannot be used, and why. */
  readonly skipped: string[];
  /** True once nothing is left to try. */
  exhausted(): boolean;
}

/** Prepares a login: named key files, then the agent, then OpenSSH's default keys, then the password. Reads keys and secrets once; asks for a passphrase only where it may. */
export async function planAuth(ssh2: Ssh2, target: SshTarget, context: SshContext, mayAsk: boolean): Promise<AuthPlan> {
  const skipped: string[] = [];
  const keys = await loadIdentities(ssh2, target, context, mayAsk);
  for (const key of keys) if (key.problem !== null) skipped.push(key.problem);
  for (const key of keys) if (key.certificate !== null) skipped.push(`${key.certificate} is a certificate, which fleet does not offer`);
  const files = keys.flatMap((key): Candidate[] => {
    if (key.parsed === null) return [];
    return [{ label: key.path, method: 'publickey', auth: { type: 'publickey', username: target.user, key: key.parsed } }];
  });
  const agent = agentCandidates(ssh2, target, keys);
  const password = target.password === null ? [] : passwordCandidates(target.user, await context.secret(target.password));
  const candidates = target.identitiesExplicit ? [...files, ...agent, ...password] : [...agent, ...files, ...password];
  return iterate(candidates, skipped);
}

function iterate(candidates: readonly Candidate[], skipped: string[]): AuthPlan {
  const tried: string[] = [];
  let next = 0;
  let done = false;
  const handler: AuthHandlerMiddleware = (offered, _partial, use) => {
    // The server's list arrives with its first refusal: until then everything may be tried.
    const allowed = offered as readonly string[] | null;
    let candidate = candidates[next];
    while (candidate !== undefined && allowed !== null && !allowed.includes(candidate.method)) candidate = candidates[++next];
    next += 1;
    if (candidate === undefined) {
      done = true;
      // The declared type leaves out `false`, which is how ssh2 is told that nothing is left.
      use(false as unknown as AnyAuthMethod);
      return;
    }
    tried.push(candidate.label);
    use(candidate.auth);
  };
  return { handler, tried, skipped, exhausted: () => done };
}

interface Identity {
  readonly path: string;
  readonly parsed: ParsedKey | null;
  /** Wire format of the public half, where it could be read. */
  readonly publicBlob: Buffer | null;
  readonly problem: string | null;
  /** The key's text, encrypted, where no passphrase is configured. */
  readonly locked: Buffer | null;
  /** A certificate beside the key. */
  readonly certificate: string | null;
}

/** Loads the target's keys. Where nothing else could be tried, or a key was named, its passphrase is asked for: one key after the other. */
async function loadIdentities(ssh2: Ssh2, target: SshTarget, context: SshContext, mayAsk: boolean): Promise<readonly Identity[]> {
  const keys = await Promise.all(target.identityFiles.map((path) => loadIdentity(ssh2, path, target, context)));
  const ask = context.askPassphrase ?? null;
  if (ask === null || !mayAsk) return keys;
  const inAgent = await agentBlobs(ssh2, target, context);
  const isUsable = inAgent.size > 0 || keys.some(({ parsed }) => parsed !== null) || target.password !== null;
  const opened: Identity[] = [];
  for (const key of keys) {
    const isWanted = key.locked !== null && (target.identitiesExplicit || !isUsable) && !isIn(key, inAgent);
    opened.push(isWanted ? await context.once(`unlocked ${key.path}`, () => unlock(ssh2, key, target, ask)) : key);
  }
  return opened;
}

const isIn = ({ publicBlob }: Identity, blobs: ReadonlySet<string>): boolean =>
  publicBlob !== null && blobs.has(publicBlob.toString('base64'));

/** Keys that the agent holds, by their wire format in base64; none where there is no agent or it does not answer. */
function agentBlobs(ssh2: Ssh2, { agentSocket }: SshTarget, context: SshContext): Promise<ReadonlySet<string>> {
  if (agentSocket === null) return Promise.resolve(new Set());
  return context.once(`agent ${agentSocket}`, () => {
    return new Promise((resolve) => {
      (ssh2.createAgent(agentSocket) as BaseAgent).getIdentities((_, list) =>
        resolve(new Set((list ?? []).map((key) => agentKeyBlob(ssh2, key)))),
      );
    });
  });
}

const passphraseTries = 3;

async function unlock(
  ssh2: Ssh2,
  key: Identity,
  target: SshTarget,
  ask: (keyFile: string, again: boolean) => Promise<string>,
): Promise<Identity> {
  for (let tries = 0; key.locked !== null && tries < passphraseTries; tries += 1) {
    const parsed = ssh2.utils.parseKey(key.locked, await ask(key.path, tries > 0));
    if (!(parsed instanceof Error)) return { ...key, parsed, publicBlob: parsed.getPublicSSH(), problem: null, locked: null };
  }
  throw new FleetError('ssh-auth', `${target.host}: no passphrase that was given opens ${key.path}`, {
    hint: `try it with: ssh-keygen -y -f ${key.path}`,
    host: target.host,
  });
}

function loadIdentity(ssh2: Ssh2, path: string, target: SshTarget, context: SshContext): Promise<Identity> {
  const passphrase = target.passphrase === null ? '' : `${target.passphrase.kind}:${target.passphrase.target}`;
  // Once per key, not per host: opening an encrypted key costs a third of a second of CPU by design.
  return context.once(`identity ${path} ${passphrase} ${target.identitiesExplicit}`, () => readIdentity(ssh2, path, target, context));
}

async function readIdentity(ssh2: Ssh2, path: string, target: SshTarget, context: SshContext): Promise<Identity> {
  const publicBlob = await readPublicBlob(ssh2, path);
  const certificate = await access(`${path}-cert.pub`).then(
    () => `${path}-cert.pub`,
    () => null,
  );
  const failed = (problem: string | null, locked: Buffer | null = null): Identity => {
    return { path, parsed: null, publicBlob, problem, locked, certificate };
  };
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const excused = missing && (!target.identitiesExplicit || publicBlob !== null);
    return failed(excused ? null : `${path} ${missing ? 'does not exist' : 'is not readable'}`);
  }
  let parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error && isEncrypted(text)) {
    if (target.passphrase === null)
      return failed(`${path} is encrypted: set passphrase in the inventory or add the key to ssh-agent`, text);
    parsed = ssh2.utils.parseKey(text, await context.secret(target.passphrase));
    if (parsed instanceof Error) throw wrongPassphrase(target, path, target.passphrase);
  }
  // Legacy formats come back as a list, although the declared type does not say so.
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey | undefined) : parsed;
  if (key === undefined || key instanceof Error) return failed(`${path} is not a private key that fleet can read`);
  const parsedKey = key.isPrivateKey() ? key : null;
  return { path, parsed: parsedKey, publicBlob: key.getPublicSSH(), problem: null, locked: null, certificate };
}

function wrongPassphrase(target: SshTarget, path: string, reference: SecretReference): FleetError {
  return new FleetError('ssh-auth', `${target.host}: the passphrase does not open ${path}`, {
    hint: `check ${reference.kind}:${reference.target}`,
    host: target.host,
  });
}

/** Encrypted keys say so in their header; in OpenSSH's own format the cipher's name stands at a fixed place, `none` when plain. */
function isEncrypted(text: Buffer): boolean {
  const pem = text.toString('latin1');
  if (/Proc-Type: 4,ENCRYPTED|BEGIN ENCRYPTED PRIVATE KEY/.test(pem)) return true;
  const body = /BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(pem)?.[1];
  if (body === undefined) return false;
  const raw = Buffer.from(body, 'base64');
  const cipherAt = 'openssh-key-v1\0'.length;
  return raw.toString('latin1', cipherAt + 4, cipherAt + 4 + (raw.length > cipherAt + 4 ? raw.readUInt32BE(cipherAt) : 0)) !== 'none';
}

async function readPublicBlob(ssh2: Ssh2, path: string): Promise<Buffer | null> {
  const text = await readFile(path.endsWith('.pub') ? path : `${path}.pub`).catch(() => null);
  const parsed = text === null ? null : ssh2.utils.parseKey(text);
  return parsed === null || parsed instanceof Error ? null : parsed.getPublicSSH();
}

/** The agent, restricted to the named identities where IdentitiesOnly says so. Keys that are tried from files already are left out. */
function agentCandidates(ssh2: Ssh2, target: SshTarget, identities: readonly Identity[]): Candidate[] {
  if (target.agentSocket === null) return [];
  const inner = ssh2.createAgent(target.agentSocket) as BaseAgent;
  const blobs = (some: readonly Identity[]) =>
    some.flatMap(({ publicBlob }) => (publicBlob === null ? [] : [publicBlob.toString('base64')]));
  const named = new Set(blobs(identities));
  const fromFiles = new Set(target.identitiesExplicit ? blobs(identities.filter(({ parsed }) => parsed !== null)) : []);
  const wanted = (blob: string) => !fromFiles.has(blob) && (!target.identitiesOnly || named.has(blob));
  const agent = new (filteredAgentClass(ssh2, inner, wanted))();
  return [{ label: 'ssh-agent', method: 'publickey', auth: { type: 'agent', username: target.user, agent } }];
}

/** An agent that offers only the keys that are `wanted`, by their wire format in base64. */
function filteredAgentClass(ssh2: Ssh2, inner: BaseAgent, wanted: (blob: string) => boolean): new () => BaseAgent {
  return class extends ssh2.BaseAgent {
    override getIdentities(done: Parameters<BaseAgent['getIdentities']>[0]): void {
      inner.getIdentities((error, keys) => {
        if (error !== undefined && error !== null) done(error);
        else
          done(
            undefined,
            (keys ?? []).filter((key) => wanted(agentKeyBlob(ssh2, key))),
          );
      });
    }
    override sign(
      key: string | Buffer | ParsedKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      done?: SignCallback,
    ): void {
      if (typeof options === 'function') inner.sign(key, data, options);
      else inner.sign(key, data, options, done);
    }
  };
}

function agentKeyBlob(ssh2: Ssh2, key: unknown): string {
  const parsed = ssh2.utils.parseKey(key as Buffer);
  return parsed instanceof Error ? '' : parsed.getPublicSSH().toString('base64');
}

function passwordCandidates(username: string, password: string): Candidate[] {
  const answer: AnyAuthMethod = {
    type: 'keyboard-interactive',
    username,
    // Questions whose answer is shown on a screen (one-time codes, user names) are not the password.
    prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(({ echo }) => (echo === true ? '' : password))),
  };
  return [
    { label: 'password', method: 'password', auth: { type: 'password', username, password } },
    { label: 'keyboard-interactive', method: 'keyboard-interactive', auth: answer },
  ];
}
