import { counted } from '../../model/counted.ts';
import type { FleetEvent } from '../../workflows/context.ts';
import type { InitEvent } from '../../workflows/init/init.ts';
import type { HostInitPlan } from '../../workflows/init/init-plan.ts';

/** What one host's program has reported so far. */
interface Seen {
  done: number;
  /** Steps that have begun, several where one goes on beside the others. */
  readonly running: Set<string>;
  bytes: { readonly sent: number; readonly of: number } | undefined;
}

/** How often bytes that go by are worth a look, ms. */
const bytesEveryMs = 250;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Tells the operator how far each host's program is: its steps, and what is being sent to it. */
export function reportSteps(
  { report }: { readonly report: (event: FleetEvent) => void },
  plans: readonly Pick<HostInitPlan, 'host' | 'steps'>[],
): (event: InitEvent) => void {
  const of = new Map(plans.map(({ host, steps }) => [host.name, steps.length]));
  const hosts = new Map<string, Seen>();
  let toldAt = 0;
  return (event) => {
    const { host } = event;
    const seen: Seen = hosts.get(host) ?? { done: 0, running: new Set(), bytes: undefined };
    hosts.set(host, seen);
    const tell = (
      text: string,
      more: Partial<Extract<FleetEvent, { kind: 'host' }>> = {},
    ): void => {
      const count = { done: seen.done, of: Math.max(seen.done, of.get(host) ?? 0) };
      report({
        kind: 'host',
        host,
        text,
        status: 'working',
        count,
        ...(seen.bytes === undefined ? {} : { bytes: seen.bytes }),
        ...more,
      });
    };
    const underWay = (): string => [...seen.running].join(', ') || 'looking';
    if (event.t === 'facts') tell('looking', { isBrief: true });
    if (event.t === 'sent') {
      const { sent, bytes } = event;
      const isWhole = sent === bytes;
      if (!isWhole && Date.now() - toldAt < bytesEveryMs) return;
      toldAt = Date.now();
      seen.bytes = isWhole ? undefined : { sent, of: bytes };
      if (isWhole && bytes >= 1e6) tell(`${underWay()}: ${megabytes(bytes)} sent`);
      else tell(underWay(), { isBrief: true });
    }
    if (event.t === 'step') takeStep(event, seen, tell, underWay);
    if (event.t === 'note') tell(`${event.id}: ${event.text}`);
    if (event.t === 'broken')
      tell(event.error.message.replace(`${host}: `, ''), { status: 'failed' });
    if (event.t === 'end' && !event.failed && !event.halted)
      tell(endLine(event.pending, event.changed), { status: 'done' });
  };
}

function takeStep(
  event: Extract<InitEvent, { t: 'step' }>,
  seen: Seen,
  tell: (text: string, more?: Partial<Extract<FleetEvent, { kind: 'host' }>>) => void,
  underWay: () => string,
): void {
  if (event.state === 'started') {
    seen.running.add(event.id);
    tell(underWay(), { isBrief: true });
    return;
  }
  seen.done += 1;
  seen.running.delete(event.id);
  if (event.state === 'changed') tell(changeLine(event.id, event.what));
  else if (event.state === 'failed')
    tell(`${event.id}: ${event.failure?.message ?? ''}`, { status: 'failed' });
}

const endLine = (pending: number, changed: number): string =>
  pending > 0
    ? `${counted(pending, 'step')} pending`
    : changed > 0
      ? `ready, ${counted(changed, 'step')} changed`
      : 'ready, nothing to do';

/** One change by its name, several by their number: the end of the command has them all. */
function changeLine(step: string, what: readonly string[]): string {
  if (what.length === 0) return step;
  return `${step}: ${what.length === 1 ? what[0] : `${what.length} changes`}`;
}
