import type {
  ActProgress,
  ActReply,
  HostAct,
  HostRequest,
  HostSurvey,
} from '../../hostside/protocol/host-acts.ts';
import { hostPaths } from '../../hostside/protocol/paths.ts';
import { FleetError } from '../model/errors.ts';
import type { Remote, ReplyLimit } from '../remote/remote.ts';
import { progressSchema, replySchema } from './protocol-schemas.ts';

const helper = `${hostPaths.current}/bin/fleet-host`;
const exitNotReady = 120;
const exitBare = 121;
/** The helper's own: it did not understand the request, and did nothing. */
const exitUnreadable = 2;

/**
 * Processes in a unit of an account: somebody has removed fleet's folders under them
 * (docs/exclusivity.md, row 48). The group's name has a backslash in it.
 */
const groups = 'system.slice/system-fleet*account.slice/fleet-account@*/cgroup.procs';
const livingWorkers =
  'grep -qs . ' +
  `${['', '/systemd', '/unified'].map((tree) => `/sys/fs/cgroup${tree}/${groups}`).join(' ')}`;

/**
 * Runs the root helper when it is there. Without it, exit 121 says that the host was never used by
 * fleet, 120 that it was (its claims are
 * there) but that nobody can read them now.
 */
export const helperCommand =
  `if [ -x ${helper} ]; then exec ${helper}; elif [ -e ${hostPaths.claims} ] || ` +
  `${livingWorkers}; then exit ${exitNotReady}; else exit ${exitBare}; fi`;

export interface AskOptions {
  readonly timeoutMs: number;
  readonly onProgress?: (progress: ActProgress['progress']) => void;
}

const kibibyte = 1024;
/** Of what the helper complains, for the message. */
const stderrBytes = 64 * kibibyte;
/** Room for one reply that tells a claim and a reason, bytes. */
const plainReplyBytes = 16 * kibibyte;
/**
 * One line of the helper: a survey of 1,000 accounts, what a contact has closed of them, or a part
 * of a state in base64.
 */
const largeReplyBytes = 1024 * kibibyte;
const largeReplies: readonly HostAct['act'][] = ['survey', 'contact', 'copy-state', 'read-state'];
/** The helper looks at awaited accounts ten times a second and tells what has changed. */
const progressPerSecond = 10;

/** What the helper can have to say about `acts` at most. Pure. */
export function replyLimitOf(acts: readonly HostAct[], timeoutMs: number): ReplyLimit {
  const bytesOf = (act: HostAct): number => {
    if (largeReplies.includes(act.act)) return largeReplyBytes;
    if (act.act !== 'await') return plainReplyBytes;
    return (
      plainReplyBytes *
      act.keyIds.length *
      (1 + (progressPerSecond * Math.min(act.timeoutMs, timeoutMs)) / 1000)
    );
  };
  const bytes = acts.reduce((sum, act) => sum + bytesOf(act), 64 * kibibyte);
  return { bytes: Math.ceil(bytes), lineBytes: largeReplyBytes };
}

/**
 * One request to the host's root helper: one exec, one round trip. Answers one reply per act, in
 * order, or null when fleet was never on the host.
 * A refusal is a value. What does not answer an act of the request, or answers it again, ends it.
 * Every act is safe to repeat, so after a lost link the same request may be sent again.
 * Errors: those of the Remote, `host-not-ready`, `agent-reply`.
 */
export async function askHost(
  remote: Remote,
  request: HostRequest,
  options: AskOptions,
): Promise<readonly ActReply[] | null> {
  const replies = new Map<number, ActReply>();
  const take = (line: string): void => {
    const message = parseHelperLine(remote.host, line);
    if ('progress' in message) options.onProgress?.(message.progress);
    else if (message.index >= request.acts.length || replies.has(message.index))
      throw unasked(remote.host, message.index);
    else replies.set(message.index, message);
  };
  const result = await remote.run({
    command: helperCommand,
    stdin: `${JSON.stringify(request)}\n`,
    asRoot: true,
    narrow: ['helper'],
    timeoutMs: options.timeoutMs,
    onLine: take,
    maxOutputBytes: stderrBytes,
    replyLimit: replyLimitOf(request.acts, options.timeoutMs),
  });
  if (result.exitCode === exitBare) return null;
  if (result.exitCode === exitNotReady) {
    throw new FleetError(
      'host-not-ready',
      `${remote.host}: fleet's helper is missing although its claims or workers are there`,
      {
        host: remote.host,
        hint: `run: fleet init --limit ${remote.host}`,
      },
    );
  }
  if (result.exitCode === exitUnreadable && request.format === 2 && replies.size === 0) {
    throw new FleetError(
      'host-not-ready',
      `${remote.host} runs programs of an earlier fleet, which do not understand this one`,
      {
        host: remote.host,
        hint: `run: fleet init --limit ${remote.host}`,
      },
    );
  }
  if (replies.size !== request.acts.length) {
    const said = new TextDecoder().decode(result.stderr).trim().split('\n').at(-1) ?? '';
    throw new FleetError(
      'agent-reply',
      `${remote.host}: fleet's helper answered ${replies.size} of ${request.acts.length} ` +
        `acts${said === '' ? '' : ` and said: ${said}`}`,
      {
        host: remote.host,
        hint: `bring the host up to date (fleet init --limit ${remote.host}), then run this again`,
      },
    );
  }
  return [...replies.values()].sort((a, b) => a.index - b.index);
}

const unasked = (host: string, index: number): FleetError =>
  new FleetError(
    'agent-reply',
    `${host}: fleet's helper answered act ${index}, which was not asked or is answered already`,
    {
      host,
      hint:
        `bring the host up to date (fleet init --limit ${host}); if that does not help, do ` +
        `not trust it: look with fleet ssh ${host}`,
    },
  );

/** One line of the helper's output. Errors: `agent-reply`. */
export function parseHelperLine(host: string, line: string): ActReply | ActProgress {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const progress = progressSchema.safeParse(value);
  if (progress.success) return progress.data;
  const reply = replySchema.safeParse(value);
  // zod marks optional fields as `T | undefined`; the reply came from JSON, which has no undefined.
  if (reply.success) return reply.data as ActReply;
  const issue = reply.error.issues[0];
  throw new FleetError(
    'agent-reply',
    `${host}: fleet's helper said something unknown (${issue?.path.join('.') ?? ''} ` +
      `${issue?.message ?? ''})`,
    {
      host,
      hint: `bring the host up to date: fleet init --limit ${host}`,
    },
  );
}

/** What a host that never saw fleet would say. */
export const bareSurvey: HostSurvey = {
  instanceId: '',
  bootId: '',
  release: '',
  bootVerdict: null,
  authority: null,
  accounts: [],
  freeBytes: 0,
};
