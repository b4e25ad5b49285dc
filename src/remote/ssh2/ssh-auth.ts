import { access } from 'node:fs/promises';
import type {
  AnyAuthMethod,
  AuthHandlerMiddleware,
  BaseAgent,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';
import { FleetError } from '../../model/errors.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import { readBounded } from '../../surroundings/read-bounded.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { AuthMethod, SshTarget } from '../config/ssh-target.ts';
import type { LoginStory } from '../session/ssh-errors.ts';
import { lastWords } from '../shared/host-words.ts';
import { asksOtherThanPassword } from '../shared/login-questions.ts';
import { isEncrypted, readPrivateKey } from '../shared/private-key-file.ts';

type Ssh2 = typeof import('ssh2');

/**
 * One thing to try at the login. `label` is for messages; `method` is SSH's name of it, which the
 * server must offer.
 */
interface Candidate {
  readonly label: string;
  readonly method: AuthMethod;
  readonly auth: AnyAuthMethod;
}

/** Everything a login may try, in order, and why other things may not be tried. */
export interface AuthPlan {
  readonly handler: AuthHandlerMiddleware;
  /** What has been tried so far, what of it was accepted, what could not be tried. */
  story(): Omit<LoginStory, 'said'>;
  /** One more line for what could not be tried. */
  note(text: string): void;
  /** True once nothing is left to try. */
  exhausted(): boolean;
}

/**
 * Prepares a login: keys that are named (from their file, else from the agent), the agent's other
 * keys, then the password; where no key is named, the
 * agent goes before OpenSSH's default keys. Reads keys and secrets once; asks for a passphrase only
 * where it may.
 */
export async function planAuth(
  ssh2: Ssh2,
  target: SshTarget,
  context: SshContext,
  mayAsk: boolean,
): Promise<AuthPlan> {
  const skipped: string[] = [];
  const note = (text: string): void => {
    if (!skipped.includes(text)) skipped.push(text);
  };
  const keys = target.authMethods.includes('publickey')
    ? await loadIdentities(ssh2, target, context, mayAsk)
    : [];
  for (const key of keys) if (key.problem !== null) note(key.problem);
  for (const key of keys)
    if (key.certificate !== null)
      note(`${key.certificate} is a certificate, which fleet does not offer`);
  const password =
    target.password === null
      ? []
      : passwordCandidates(target.user, await context.secret(target.password), note);
  const all = [...keyCandidates(ssh2, target, keys, note), ...password];
  const ordered = target.authMethods.flatMap((method) =>
    all.filter((candidate) => candidate.method === method),
  );
  return iterate(target.user, ordered, skipped, note);
}

/** Named keys one by one; the agent's part for a key is tried where its file cannot be used. */
function keyCandidates(
  ssh2: Ssh2,
  target: SshTarget,
  keys: readonly Identity[],
  note: (text: string) => void,
): Candidate[] {
  const fromFile = ({ path, parsed }: Identity): Candidate[] => {
    if (parsed === null || !accepts(target, parsed.type)) return [];
    return [
      {
        label: path,
        method: 'publickey',
        auth: { type: 'publickey', username: target.user, key: parsed },
      },
    ];
  };
  const named = new Set(
    keys.flatMap(({ publicBlob }) => (publicBlob === null ? [] : [publicBlob.toString('base64')])),
  );
  const agent = (label: string, wanted: (blob: string) => boolean, missing: string | null) =>
    agentCandidate(ssh2, target, label, wanted, () => missing !== null && note(missing));
  if (target.identitiesExplicit) {
    const each = keys.flatMap((key) => {
      const blob = key.publicBlob?.toString('base64');
      if (key.parsed !== null || blob === undefined) return fromFile(key);
      return agent(
        `${key.path} from ssh-agent`,
        (one) => one === blob,
        `${key.path} is not in the ssh-agent`,
      );
    });
    return target.identitiesOnly
      ? each
      : [...each, ...agent('ssh-agent', (blob) => !named.has(blob), null)];
  }
  const files = keys.flatMap(fromFile);
  const known = agent('ssh-agent', (blob) => named.has(blob), null);
  return target.identitiesOnly
    ? [...known, ...files]
    : [...agent('ssh-agent', () => true, null), ...files];
}

/** Whether the config lets keys of this type be used; RSA keys sign by several names. */
const accepts = ({ algorithms }: SshTarget, type: string): boolean =>
  type === 'ssh-rsa'
    ? algorithms.publicKey.some((name) => name === type || name.startsWith('rsa-sha2-'))
    : algorithms.publicKey.includes(type);

function iterate(
  username: string,
  candidates: readonly Candidate[],
  skipped: readonly string[],
  note: (text: string) => void,
): AuthPlan {
  const left = [...candidates];
  const tried: string[] = [];
  const accepted: string[] = [];
  let wanted: readonly string[] = [];
  let last: Candidate | null = null;
  let [asked, done] = [false, false];
  const handler: AuthHandlerMiddleware = (offered, partial, use) => {
    // The server's list arrives with its first refusal: until then everything may be tried.
    const allowed = offered as readonly string[] | null;
    if (!asked && left.some(({ method }) => method !== 'publickey')) {
      // Where there is more than keys, the order may matter (password, then key): ask for the list
      // first, which no server counts as a try.
      asked = true;
      use({ type: 'none', username });
      return;
    }
    asked = true;
    if (last !== null && partial === true && !accepted.includes(last.label))
      accepted.push(last.label);
    // What was refused only because it was not its turn may come later.
    else if (last !== null && allowed !== null && !allowed.includes(last.method))
      left.unshift(last);
    wanted = allowed ?? wanted;
    const at = left.findIndex(({ method }) => allowed === null || allowed.includes(method));
    last = at === -1 ? null : (left.splice(at, 1)[0] ?? null);
    if (last === null) {
      done = true;
      // The declared type leaves out `false`, which is how ssh2 is told that nothing is left.
      use(false as unknown as AnyAuthMethod);
      return;
    }
    if (!tried.includes(last.label)) tried.push(last.label);
    use(last.auth);
  };
  return {
    handler,
    story: () => ({ tried, accepted, skipped, wanted }),
    note,
    exhausted: () => done,
  };
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

/**
 * Loads the target's keys. Where nothing else could be tried, or a key was named, its passphrase is
 * asked for: one key after the other.
 */
async function loadIdentities(
  ssh2: Ssh2,
  target: SshTarget,
  context: SshContext,
  mayAsk: boolean,
): Promise<readonly Identity[]> {
  const keys = await Promise.all(
    target.identityFiles.map((path) => loadIdentity(ssh2, path, target, context)),
  );
  const ask = context.askPassphrase ?? null;
  if (ask === null || !mayAsk) return keys;
  const inAgent = await agentBlobs(ssh2, target, context);
  const isUsable =
    inAgent.size > 0 || keys.some(({ parsed }) => parsed !== null) || target.password !== null;
  const opened: Identity[] = [];
  for (const key of keys) {
    const isWanted =
      key.locked !== null && (target.identitiesExplicit || !isUsable) && !isIn(key, inAgent);
    opened.push(
      isWanted
        ? await context.once(`unlocked ${key.path}`, () => unlock(ssh2, key, target, ask))
        : key,
    );
  }
  return opened;
}

const isIn = ({ publicBlob }: Identity, blobs: ReadonlySet<string>): boolean =>
  publicBlob !== null && blobs.has(publicBlob.toString('base64'));

/**
 * Keys that the agent holds, by their wire format in base64; none where there is no agent or it
 * does not answer.
 */
function agentBlobs(
  ssh2: Ssh2,
  { agentSocket }: SshTarget,
  context: SshContext,
): Promise<ReadonlySet<string>> {
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
    if (!(parsed instanceof Error))
      return { ...key, parsed, publicBlob: parsed.getPublicSSH(), problem: null, locked: null };
  }
  throw new FleetError(
    'ssh-auth',
    `${target.host}: no passphrase that was given opens ${key.path}`,
    {
      hint: `try it with: ssh-keygen -y -f ${key.path}`,
      host: target.host,
    },
  );
}

function loadIdentity(
  ssh2: Ssh2,
  path: string,
  target: SshTarget,
  context: SshContext,
): Promise<Identity> {
  const passphrase =
    target.passphrase === null ? '' : `${target.passphrase.kind}:${target.passphrase.target}`;
  // Once per key, not per host: opening an encrypted key costs a third of a second of CPU by
  // design.
  return context.once(`identity ${path} ${passphrase} ${target.identitiesExplicit}`, () =>
    readIdentity(ssh2, path, target, context),
  );
}

async function readIdentity(
  ssh2: Ssh2,
  path: string,
  target: SshTarget,
  context: SshContext,
): Promise<Identity> {
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
    const read = await readPrivateKey(path);
    if (typeof read === 'string') return failed(read);
    text = read;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const excused = missing && (!target.identitiesExplicit || publicBlob !== null);
    return failed(excused ? null : `${path} ${missing ? 'does not exist' : 'is not readable'}`);
  }
  let parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error && isEncrypted(text)) {
    if (target.passphrase === null)
      return failed(
        `${path} is encrypted: set passphrase in the inventory or add the key to ssh-agent`,
        text,
      );
    parsed = ssh2.utils.parseKey(text, await context.secret(target.passphrase));
    if (parsed instanceof Error) throw wrongPassphrase(target, path, target.passphrase);
  }
  // Legacy formats come back as a list, although the declared type does not say so.
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey | undefined) : parsed;
  if (key === undefined || key instanceof Error)
    return failed(`${path} is not a private key that fleet can read`);
  const parsedKey = key.isPrivateKey() ? key : null;
  return {
    path,
    parsed: parsedKey,
    publicBlob: key.getPublicSSH(),
    problem: null,
    locked: null,
    certificate,
  };
}

function wrongPassphrase(target: SshTarget, path: string, reference: SecretReference): FleetError {
  return new FleetError('ssh-auth', `${target.host}: the passphrase does not open ${path}`, {
    hint: `check ${reference.kind}:${reference.target}`,
    host: target.host,
  });
}

/** A public key of 16,384 bits has 3 KB. */
const publicKeyBytes = 64 * 1024;

async function readPublicBlob(ssh2: Ssh2, path: string): Promise<Buffer | null> {
  const text = await readBounded(
    path.endsWith('.pub') ? path : `${path}.pub`,
    publicKeyBytes,
  ).catch(() => null);
  const parsed = text === null ? null : ssh2.utils.parseKey(text);
  return parsed === null || parsed instanceof Error ? null : parsed.getPublicSSH();
}

/**
 * Those of the agent's keys that are `wanted`; `onNone` when there are none. No candidate without
 * an agent.
 */
function agentCandidate(
  ssh2: Ssh2,
  target: SshTarget,
  label: string,
  wanted: (blob: string) => boolean,
  onNone: () => void,
): Candidate[] {
  if (target.agentSocket === null) {
    onNone();
    return [];
  }
  const inner = ssh2.createAgent(target.agentSocket) as BaseAgent;
  const isWanted = (key: ParsedKey): boolean =>
    accepts(target, key.type) && wanted(key.getPublicSSH().toString('base64'));
  const agent = new (filteredAgentClass(ssh2, inner, isWanted, onNone))();
  return [{ label, method: 'publickey', auth: { type: 'agent', username: target.user, agent } }];
}

/** An agent that offers only the keys that are `wanted`. */
function filteredAgentClass(
  ssh2: Ssh2,
  inner: BaseAgent,
  wanted: (key: ParsedKey) => boolean,
  onNone: () => void,
): new () => BaseAgent {
  return class extends ssh2.BaseAgent {
    override getIdentities(done: Parameters<BaseAgent['getIdentities']>[0]): void {
      inner.getIdentities((error, keys) => {
        if (error !== undefined && error !== null) {
          done(error);
          return;
        }
        const offered = (keys ?? []).filter((key) => {
          const parsed = ssh2.utils.parseKey(key as Buffer);
          return !(parsed instanceof Error) && wanted(parsed);
        });
        if (offered.length === 0) onNone();
        done(undefined, offered);
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

function passwordCandidates(
  username: string,
  password: string,
  note: (text: string) => void,
): Candidate[] {
  const answer: AnyAuthMethod = {
    type: 'keyboard-interactive',
    username,
    prompt: (_name, _instructions, _language, prompts, finish) =>
      finish(
        prompts.map(({ prompt, echo }) => {
          if (echo !== true && !asksOtherThanPassword(prompt)) return password;
          note(`the host asks "${lastWords(prompt)}", which fleet cannot answer`);
          return '';
        }),
      ),
  };
  return [
    { label: 'password', method: 'password', auth: { type: 'password', username, password } },
    { label: 'keyboard-interactive', method: 'keyboard-interactive', auth: answer },
  ];
}
