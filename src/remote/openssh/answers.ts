import { FleetError } from '../../model/errors.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { lastWords } from '../shared/host-words.ts';
import { asksOtherThanPassword } from '../shared/login-questions.ts';
import { isEncrypted, readPrivateKey } from '../shared/private-key-file.ts';
import type { Question } from './askpass.ts';
import { isWrongPassphrase } from './passphrases.ts';

/** What a question of `ssh` asks for. */
export type Asked =
  | { readonly kind: 'password' }
  | { readonly kind: 'passphrase'; readonly keyFile: string }
  /** Nothing that fleet gives; `about` is for messages. */
  | { readonly kind: 'other'; readonly about: string };

/**
 * What `ssh` asks, by the words in which OpenSSH asks: they begin with who asks, so that another
 * `ssh` (that of a ProxyCommand) or a host in the name of another gets no answer. Pure.
 */
export function askedBy(target: SshTarget, text: string): Asked {
  const names = [...new Set([target.address.toLowerCase(), target.address, target.keyName])];
  const user = target.user;
  for (const name of names) {
    const plain = `${user.slice(0, 30)}@${name.slice(0, 128)}'s password: `;
    if (text === plain) return { kind: 'password' };
    const prefix = `(${user}@${name}) `;
    if (text.startsWith(prefix) && !asksOtherThanPassword(text.slice(prefix.length))) {
      return { kind: 'password' };
    }
  }
  const key = /^Enter passphrase for key '([\s\S]*)': $/.exec(text)?.[1];
  const keyFile = target.identityFiles.find((file) => key !== undefined && isShort(file, key));
  if (keyFile !== undefined) return { kind: 'passphrase', keyFile };
  return { kind: 'other', about: lastWords(text) };
}

/** OpenSSH cuts a path in a question at 100 bytes. */
const isShort = (file: string, shown: string): boolean =>
  file === shown || (Buffer.byteLength(shown) >= 97 && file.startsWith(shown));

/** Answers the questions of one login, and remembers what could not be answered. */
export interface Answers {
  answer(question: Question): Promise<string | null>;
  /** Whether the operator is being asked now. */
  isAsking(): boolean;
  /** One line each, for messages. */
  notes(): readonly string[];
  /** Keys whose configured passphrase was given. */
  opened(): readonly string[];
  /** Why a secret could not be read, or the operator did not give it. */
  failure(): FleetError | null;
}

/** Whether there is anything that fleet could answer. Pure. */
export const hasAnswers = (target: SshTarget, context: SshContext): boolean =>
  target.password !== null ||
  target.passphrase !== null ||
  (context.askPassphrase ?? null) !== null;

const PASSPHRASE_TRIES = 3;
/** How often one login gets the password: it may be asked for by two methods. */
const MAX_PASSWORDS = 2;

export function createAnswers(target: SshTarget, context: SshContext): Answers {
  let passwords = 0;
  let asking = 0;
  let failure: FleetError | null = null;
  const notes = new Set<string>();
  const opened = new Set<string>();
  const ask = context.askPassphrase ?? null;

  /** Nobody is asked about one of the default keys where another one can be used. */
  async function hasOtherKey(keyFile: string): Promise<boolean> {
    const others = target.identityFiles.filter((file) => file !== keyFile);
    const texts = await Promise.all(others.map((file) => readPrivateKey(file).catch(() => '')));
    return texts.some((text) => typeof text !== 'string' && !isEncrypted(text));
  }

  async function askRight(
    keyFile: string,
    askOperator: (keyFile: string, again: boolean) => Promise<string>,
  ): Promise<string> {
    for (let tries = 0; tries < PASSPHRASE_TRIES; tries += 1) {
      const given = await askOperator(keyFile, tries > 0);
      if (!(await isWrongPassphrase(keyFile, given))) return given;
    }
    throw new FleetError(
      'ssh-auth',
      `${target.host}: no passphrase that was given opens ${keyFile}`,
      { hint: `try it with: ssh-keygen -y -f ${keyFile}`, host: target.host },
    );
  }

  async function passphrase(keyFile: string): Promise<string | null> {
    if (opened.has(keyFile)) return null;
    opened.add(keyFile);
    if (target.passphrase !== null) return context.secret(target.passphrase);
    if (ask === null) {
      notes.add(
        `${keyFile} is encrypted: set passphrase in the inventory or add the key to ssh-agent`,
      );
      return null;
    }
    if (!target.identitiesExplicit && (await hasOtherKey(keyFile))) return null;
    asking += 1;
    try {
      return await context.once(`passphrase ${keyFile}`, () => askRight(keyFile, ask));
    } finally {
      asking -= 1;
    }
  }

  async function give({ text, kind }: Question): Promise<string | null> {
    const asked = askedBy(target, text);
    if (asked.kind === 'passphrase' && kind === 'answer') return passphrase(asked.keyFile);
    if (asked.kind === 'password' && kind === 'answer') {
      passwords += 1;
      if (target.password === null || passwords > MAX_PASSWORDS) return null;
      return context.secret(target.password);
    }
    const about = lastWords(text);
    if (kind === 'none') context.onWarning?.(target.host, about);
    else if (asked.kind === 'other') notes.add(`ssh asks "${about}", which fleet cannot answer`);
    return null;
  }

  return {
    async answer(question) {
      try {
        return await give(question);
      } catch (error) {
        if (error instanceof FleetError) failure ??= error;
        return null;
      }
    },
    failure: () => failure,
    isAsking: () => asking > 0,
    notes: () => [...notes],
    opened: () => [...opened],
  };
}
