import type { ActProgress, ActReply, HostRequest, HostSurvey } from '../../agent/protocol/host-acts.ts';
import { hostPaths } from '../../agent/protocol/paths.ts';
import { FleetError } from '../model/errors.ts';
import type { Remote } from '../remote/remote.ts';
import { progressSchema, replySchema } from './protocol-schemas.ts';

const helper = `${hostPaths.current}/bin/fleet-host`;
const exitNotReady = 120;
const exitBare = 121;

/**
 * Runs the root helper when it is there. Without it, exit 121 says that the host was never used by fleet, 120 that it was (its claims are
 * there) but that nobody can read them now.
 */
export const helperCommand = `if [ -x ${helper} ]; then exec ${helper}; elif [ -e ${hostPaths.claims} ]; then exit ${exitNotReady}; else exit ${exitBare}; fi`;

export interface AskOptions {
  readonly timeoutMs: number;
  readonly onProgress?: (progress: ActProgress['progress']) => void;
}

/**
 * One request to the host's root helper: one exec, one round trip. Answers one reply per act, in order, or null when fleet was never on the host.
 * A refusal is a value. Every act is safe to repeat, so after a lost link the same request may be sent again.
 * Errors: those of the Remote, `host-not-ready`, `agent-reply`.
 */
export async function askHost(remote: Remote, request: HostRequest, options: AskOptions): Promise<readonly ActReply[] | null> {
  const replies: ActReply[] = [];
  const take = (line: string): void => {
    const message = parseHelperLine(remote.host, line);
    if ('progress' in message) options.onProgress?.(message.progress);
    else replies.push(message);
  };
  const result = await remote.run({
    command: helperCommand,
    stdin: `${JSON.stringify(request)}\n`,
    asRoot: true,
    timeoutMs: options.timeoutMs,
    onLine: take,
  });
  if (result.exitCode === exitBare) return null;
  if (result.exitCode === exitNotReady) {
    throw new FleetError('host-not-ready', `${remote.host}: fleet's helper is missing although claims are there`, {
      host: remote.host,
      hint: `run: fleet init --limit ${remote.host}`,
    });
  }
  if (replies.length !== request.acts.length) {
    const said = new TextDecoder().decode(result.stderr).trim().split('\n').at(-1) ?? '';
    throw new FleetError(
      'agent-reply',
      `${remote.host}: fleet's helper answered ${replies.length} of ${request.acts.length} acts${said === '' ? '' : ` and said: ${said}`}`,
      {
        host: remote.host,
        hint: `bring the host up to date (fleet init --limit ${remote.host}), then run this again`,
      },
    );
  }
  return replies.toSorted((a, b) => a.index - b.index);
}

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
    `${host}: fleet's helper said something unknown (${issue?.path.join('.') ?? ''} ${issue?.message ?? ''})`,
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
