import { basename } from 'node:path';
import { nearest } from '../../inventory/rules/nearest.ts';
import { didYouMean } from '../../inventory/rules/problems.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountSpec, Inventory } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { composeBehaviour, type FleetMember } from '../../scripts/compose-behaviour.ts';
import { parseScript } from '../../scripts/parse-script.ts';
import {
  listScripts,
  readScript,
  type ScriptFile,
  scriptLimitBytes,
} from '../../scripts/read-script.ts';
import { type Player, type ReplayedEvent, replay } from '../../scripts/replay.ts';
import { idOfName, parseTranscript, type Transcript } from '../../scripts/transcript.ts';
import { readBounded } from '../../surroundings/read-bounded.ts';
import { scriptFolders } from './answer-behaviour.ts';

/** A script as the list shows it: read where it is sound, else with what is wrong. */
export interface ListedScript {
  readonly name: string;
  readonly folder: string;
  readonly script: ScriptFile | null;
  readonly error: FleetError | null;
  /** Accounts of the inventory that run it. */
  readonly accounts: readonly string[];
}

export async function listAllScripts(
  inventory: Inventory | null,
): Promise<readonly ListedScript[]> {
  const folders = scriptFolders(inventory);
  const found = await listScripts(folders);
  return Promise.all(
    [...found].map(async ([name, folder]): Promise<ListedScript> => {
      const accounts = (inventory?.accounts ?? [])
        .filter(({ script }) => script === name)
        .map((account) => account.name);
      try {
        return { name, folder, script: await readScript([folder], name), error: null, accounts };
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        return { name, folder, script: null, error, accounts };
      }
    }),
  );
}

/** The script of that name, or in that file where `name` ends with .yaml. Errors: `inventory`. */
export async function openScript(inventory: Inventory | null, name: string): Promise<ScriptFile> {
  if (!name.endsWith('.yaml')) return readScript(scriptFolders(inventory), name);
  const text = await readText('script', name);
  const own = basename(name, '.yaml');
  return { name: own, path: name, text, ...parseScript(own, text, name) };
}

const readText = (what: string, path: string): Promise<string> =>
  readBounded(path, scriptLimitBytes).then(
    (content) => content.toString('utf8'),
    (cause: unknown) => {
      const hint = `Check the path: it has to lead to a file of at most ${scriptLimitBytes} bytes.`;
      throw new FleetError('inventory', `The ${what} ${path} cannot be read`, { hint, cause });
    },
  );

/** What an account is where no inventory says anything. */
const nobody: AccountSpec = {
  name: 'assistant' as AccountName,
  labels: {},
  group: null,
  script: null,
  owner: null,
  location: null,
  allowedZones: [],
  pinnedTo: null,
  strategy: null,
  limits: {},
  chats: [],
  answerLimits: {},
  telegram: {
    apiId: 0,
    apiHash: { kind: 'env', target: 'NONE' },
    deviceModel: '',
    systemVersion: '',
    appVersion: '',
    langCode: 'en',
  },
  ownTelegram: {},
  worker: null,
  logLevel: 'info',
};

const specOf = (inventory: Inventory | null, name: string): AccountSpec => {
  if (inventory === null) return { ...nobody, name: name as AccountName };
  const known = inventory.accounts.find((account) => account.name === name);
  if (known !== undefined) return known;
  if (inventory.accounts.length === 0)
    return { ...inventory.accountDefaults, name: name as AccountName };
  const near = nearest(
    name,
    inventory.accounts.map((account) => account.name),
  );
  throw new FleetError('usage', `The inventory names no account ${name}${didYouMean(near)}`, {
    hint: 'Name accounts of the inventory.',
  });
};

/**
 * An account that is only played: its ids follow from its name, so that a replay is the same
 * everywhere.
 */
const memberOf = (spec: AccountSpec): FleetMember => {
  const userId = idOfName(`account ${spec.name}`);
  return {
    spec,
    keyId: BigInt(userId).toString(16).padStart(32, '0'),
    userId,
    username: spec.name,
  };
};

export interface ScriptTest {
  readonly script: ScriptFile;
  readonly transcript: Transcript;
  readonly accounts: readonly string[];
  readonly events: readonly ReplayedEvent[];
}

/**
 * Replays the transcript at `path` with the script and returns what each account would do, without
 * a network. `names`: accounts of the inventory, which share the group of the transcript;
 * none: one account called `assistant` with the inventory's defaults. Errors: `inventory`, `usage`.
 */
export async function testScript(
  inventory: Inventory | null,
  name: string,
  path: string,
  names: readonly string[],
): Promise<ScriptTest> {
  const [script, text] = await Promise.all([
    openScript(inventory, name),
    readText('transcript', path),
  ]);
  const unnamed: AccountSpec = { ...(inventory?.accountDefaults ?? nobody), name: nobody.name };
  const specs = names.length === 0 ? [unnamed] : names.map((each) => specOf(inventory, each));
  const members = specs.map(memberOf);
  const transcript = parseTranscript(text, path, (who) => {
    const member = members.find(({ spec }) => spec.name === who.toLowerCase());
    return member === undefined
      ? null
      : {
          id: member.userId ?? '',
          isBot: false,
          firstName: who,
          username: member.username,
          language: null,
        };
  });
  const inGroup = members.map(
    (member): FleetMember => ({
      ...member,
      spec: { ...member.spec, chats: [{ id: transcript.chatId, name: transcript.groupTitle }] },
    }),
  );
  const settings = {
    model: inventory?.model ?? null,
    answerSlotMs: inventory?.answerSlotMs ?? 20_000,
  };
  const players = inGroup.map(
    (member): Player => ({
      self: {
        keyId: member.keyId,
        userId: member.userId ?? '',
        username: member.username,
        firstName: member.spec.name,
      },
      behaviour: composeBehaviour(
        { ...settings, model: settings.model ?? unnamedModel },
        member,
        inGroup,
        script,
        false,
      ),
    }),
  );
  return {
    script,
    transcript,
    accounts: members.map(({ spec }) => spec.name),
    events: replay(transcript, players),
  };
}

/** For replays without a `model:` in the inventory: nobody is asked anyway. */
const unnamedModel: NonNullable<Inventory['model']> = {
  baseUrl: 'http://localhost',
  model: 'none',
  apiKey: null,
  timeoutMs: 12_000,
  retries: 0,
  concurrency: 1,
  temperature: null,
  contextMessages: 100,
  contextTokens: 3_000,
  answerTokens: 400,
  budgetTokens: null,
  budgetMoney: null,
  priceIn: 0,
  priceOut: 0,
  fallback: null,
  isModerated: false,
};
