import type { HostEvidence } from '../../src/ownership/evidence.ts';
import { look, type Run, type Steps, setHost, write } from './effects.ts';
import { ageMs, announcedForMs, holdAfterMs, nowMs } from './host.ts';
import type { Rules } from './rules.ts';
import { type HostRow, hostIndex } from './world.ts';

/** `safeMomentOf`: whether "switched off" may be believed by now. */
export function isSafe(
  rules: Rules,
  { intent, intentAhead, announced, announcedAhead }: HostRow,
): boolean {
  const contactMs = intent === null ? null : nowMs - ageMs(intent + intentAhead);
  const ends = [
    contactMs === null ? [] : contactMs + holdAfterMs,
    announced === null || !rules.mechanisms.waitsForAnnounced
      ? []
      : nowMs - ageMs(announced + announcedAhead) + announcedForMs,
  ].flat();
  return (
    nowMs >=
    rules.safeMoment(
      { contactMs, mayBootUntilMs: ends.length === 0 ? null : Math.max(...ends) },
      holdAfterMs,
    )
  );
}

/** `reverifyOff` */
export function* reverifyOff(
  run: Run,
  evidence: readonly HostEvidence[],
): Steps<readonly HostEvidence[]> {
  if (!run.rules.mechanisms.withdrawsOff) return evidence;
  const rows = yield* look((ledger) => ledger.hosts);
  const doubted = new Set<string>();
  for (const { host, isOff } of evidence) {
    if (isOff !== true || !(yield* isDoubted(run.rules, hostIndex(host), rows[hostIndex(host)])))
      continue;
    doubted.add(host);
    yield* write('takes back that it is off', (ledger) =>
      setHost(ledger, hostIndex(host), { off: null }),
    );
  }
  return evidence.map((each) => (doubted.has(each.host) ? { ...each, isOff: false } : each));
}

/** `doubtOf` */
export function* isDoubted(rules: Rules, host: number, row: HostRow | undefined): Steps<boolean> {
  if (row === undefined || row.off === null) return true;
  if (row.off === 'destroyed') return false;
  if (row.off === 'fenced') return ((yield { kind: 'verify', host }) as boolean) === false;
  return !isSafe(rules, row);
}
