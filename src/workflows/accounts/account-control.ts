import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import type { RecentSilences, TestOutcome } from '../../../hostside/protocol/silence.ts';
import { parseSilences } from '../../facts/answering-schemas.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { setPaused, setScript } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { ChatSpec, HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { readScript } from '../../scripts/read-script.ts';
import { scriptFolders } from '../answers/answer-behaviour.ts';
import { planPush, pushBehaviours } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';
import { findOwned, requireAccount } from '../ownership/account-acts.ts';
import { refuseHeld } from '../trials/try-scripts.ts';

/**
 * Pauses or resumes accounts: the wish is in the ledger first, so that it holds also for a host
 * that cannot be told now. Returns what failed; safe to repeat.
 */
export async function pauseAccounts(
  context: FleetContext,
  run: Run,
  names: readonly string[],
  isPaused: boolean,
): Promise<readonly FleetError[]> {
  for (const name of names) await requireAccount(context, name);
  for (const name of names) {
    await setPaused(context.ledger.db, name, isPaused);
    await recordEvent(context.ledger.db, {
      ...{ at: context.now(), account: name, host: null },
      kind: isPaused ? 'account-paused' : 'account-resumed',
    });
  }
  return push(context, run, names);
}

/**
 * The operator's script for an account; null: the inventory's again. Errors: `usage`, `inventory`.
 * Returns what failed on hosts.
 */
export async function chooseScript(
  context: FleetContext,
  run: Run,
  name: string,
  script: string | null,
): Promise<readonly FleetError[]> {
  await requireAccount(context, name);
  await refuseHeld(context, name);
  if (script !== null) await readScript(scriptFolders(context.inventory), script);
  await setScript(context.ledger.db, name, script);
  await recordEvent(context.ledger.db, {
    ...{ at: context.now(), kind: 'account-script', account: name, host: null, script },
  });
  return push(context, run, [name]);
}

async function push(
  context: FleetContext,
  run: Run,
  names: readonly string[],
): Promise<readonly FleetError[]> {
  const plan = await planPush(context, names);
  const changes = plan.changes.filter((change) => change.changes.length > 0);
  const { errors } = await pushBehaviours(context, run, { ...plan, changes });
  return [...plan.errors, ...errors];
}

/** How long a worker may take to see its test message and say it, ms. */
const testWaitMs = 30_000;
const testLookMs = 1_000;

/**
 * The id of a group that the inventory names, or lists by its id. Error `usage`: the account does
 * not answer there.
 */
export function chatNamed(chats: readonly ChatSpec[], account: string, chat: string): string {
  const found = chats.find(({ id, name }) => id === chat || name === chat);
  if (found !== undefined) return found.id;
  const known = chats.map(({ id, name }) => (name === null ? id : `${name} (${id})`)).join(', ');
  throw new FleetError('usage', `${account} is not allowed in chat ${chat}`, {
    account,
    hint: known === '' ? 'give it chats: in the inventory' : `it answers in ${known}`,
  });
}

/**
 * Lets an account say `text` in an allowed chat, given by its id or the inventory's name for it, by
 * its own worker and within its limits, and waits until it did or said why not. Errors: `usage`,
 * `account-offline`, those of the host.
 */
export async function sendTest(
  context: FleetContext,
  run: Run,
  name: string,
  chat: string,
  text: string,
): Promise<TestOutcome> {
  const { account, host } = await findOwned(context, name);
  const { chats } = accountSpecFor(context.inventory, account.name as AccountName);
  const chatId = chatNamed(chats, name, chat);
  const id = randomBytes(8).toString('hex');
  const plan = await planPush(context, [name], {
    test: { id, chatId, text, askedAtMs: context.now() },
  });
  const [failed] = [...plan.errors, ...(await pushBehaviours(context, run, plan)).errors];
  if (failed !== undefined) throw failed;
  for (
    const endMs = context.now() + testWaitMs;
    context.now() < endMs && !context.signal.aborted;
    await sleep(testLookMs)
  ) {
    const found = (await readSilences(context, host, account.key_id))?.test;
    if (found?.id === id) return found;
  }
  if (context.signal.aborted)
    throw new FleetError(
      'interrupted',
      `${name} was given the message; interrupted before it told whether it said it`,
      {
        account: name,
        hint: `fleet why-silent ${name} tells it`,
      },
    );
  throw new FleetError(
    'account-offline',
    `${name} on ${host.name} has not said the test message within ${testWaitMs / 1000} s`,
    {
      account: name,
      host: host.name,
      hint: `is it online, and its host at the newest release? fleet accounts verify ${name}`,
    },
  );
}

/**
 * What the worker tells about its silence; null: it has not said anything yet, or does not run.
 * Errors: those of the Remote.
 */
export async function readSilences(
  context: Pick<FleetContext, 'remoteFor'>,
  host: HostSpec,
  keyId: string,
): Promise<RecentSilences | null> {
  // A file of the worker's: a special file, or one without end, is not waited for.
  const file = `${hostPaths.accountRuntime}/${keyId}/silences.json`;
  const command =
    `timeout 5 dd if=${file} iflag=nofollow,nonblock,fullblock bs=64k ` +
    `count=${silencesBytes / 65_536} 2>/dev/null || true`;
  const how = { asRoot: true, narrow: ['silences', keyId], replyLimit: { bytes: silencesBytes } };
  const { stdout } = await context.remoteFor(host).run({ command, ...how });
  return parseSilences(new TextDecoder().decode(stdout));
}

/** The newest 200 of them, in 1.3 KiB each at most. */
const silencesBytes = 256 * 1024;
