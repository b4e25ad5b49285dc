import type { AccountState } from '../account-state.ts';
import { type Field, list, oneOf, orNull, whole, words, yesOrNo } from './event-field.ts';

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The values of an event whose kind has these fields. */
export type DataOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value : never;
};

/** Whom an event is about. `account`: its host is known or null. `both`: an account on a host. */
export type EventSubject = 'host' | 'account' | 'both' | 'fleet';

export interface EventEntry<Subject extends EventSubject, F extends Fields> {
  readonly about: Subject;
  readonly fields: F;
  /** One line for people; empty where the kind says everything. */
  readonly sentence: (data: DataOf<F>) => string;
  /** Reads the sentence that ledgers had before 2026-11-30, without data; null: another one. */
  readonly former?: (sentence: string) => DataOf<F> | null;
}

const entry =
  <Subject extends EventSubject>(about: Subject) =>
  <F extends Fields>(
    fields: F,
    sentence: EventEntry<Subject, F>['sentence'],
    former?: EventEntry<Subject, F>['former'],
  ): EventEntry<Subject, F> => ({ about, fields, sentence, ...(former ? { former } : {}) });

/** One for each state but `detached`, whose event says more. */
export type StateKind = `account-${Exclude<AccountState, 'detached'>}`;

const [ofHost, ofAccount] = [entry('host'), entry('account')];
const [ofBoth, ofFleet] = [entry('both'), entry('fleet')];

const seconds = (ms: number): number => Math.round(ms / 1000);
const named = (names: readonly string[]): string => names.join(', ');

/** A reader of former sentences of one shape. */
const formerly =
  <Data>(pattern: RegExp, dataOf: (...groups: string[]) => Data) =>
  (sentence: string): Data | null => {
    const [whole, ...groups] = pattern.exec(sentence) ?? [];
    return whole === undefined ? null : dataOf(...groups);
  };

/** The sentence of these is their one value, and was it always. */
const withReason = {
  fields: { reason: words },
  sentence: ({ reason }: { readonly reason: string }) => reason,
  former: (sentence: string) => ({ reason: words.read(sentence) ?? '' }),
};
const ofState = ofAccount(withReason.fields, withReason.sentence, withReason.former);
const ofSilence = ofHost(withReason.fields, withReason.sentence, withReason.former);
const stated = ofHost({}, () => 'stated by the operator; its accounts go to other hosts');
const login = oneOf('code', 'qr', 'bot');
const farewell = oneOf('second-name', 'owned-nothing', 'destroyed');

/** An account has come into a state; `reason` in the words of its worker or its host. */
const stateKinds: Readonly<Record<StateKind, typeof ofState>> = {
  'account-stored': ofState,
  'account-placed': ofState,
  'account-online': ofState,
  'account-reconnecting': ofState,
  'account-flood-wait': ofState,
  'account-offline': ofState,
  'account-needs-login': ofState,
  'account-duplicated': ofState,
  'account-banned': ofState,
  'account-misconfigured': ofState,
  'account-stopped': ofState,
  'account-held': ofState,
  'account-contained': ofState,
  'account-removing': ofState,
  'account-unknown': ofState,
};

const farewells = {
  'second-name': 'it was a second name of another host',
  'owned-nothing': 'it owned nothing',
  destroyed: 'it is destroyed',
};

const hostKinds = {
  'host-initialised': ofHost(
    { release: words },
    ({ release }) => `release ${release}`,
    formerly(/^release (\S{0,200})$/, (release = '') => ({ release })),
  ),
  'host-uninstalled': ofHost({}, () => 'left as it was found'),
  'host-healthy': ofHost({}, () => 'it answers again'),
  'host-suspect': ofSilence,
  'host-down': ofSilence,
  'host-patched': ofHost({ changes: list }, ({ changes }) => named(changes)),
  'reboot-announced': ofHost(
    { untilMs: whole },
    ({ untilMs }) => `until ${new Date(untilMs).toISOString()}`,
  ),
  'host-rebooted': ofHost(
    { downMs: whole },
    ({ downMs }) => `back after ${seconds(downMs)} s`,
    formerly(/^back after (\d{1,9}) s$/, (downS) => ({ downMs: Number(downS) * 1000 })),
  ),
  'host-renamed': ofHost(
    { before: words },
    ({ before }) => `it was called ${before} until now`,
    formerly(/^it was (\S{1,253}) until now$/, (before = '') => ({ before })),
  ),
  'host-remembered': ofHost(
    { knownBy: list },
    ({ knownBy }) => `${named(knownBy)} knew it, and the ledger did not`,
  ),
  'host-left-out': ofHost({}, () => 'stated by the operator: it runs nothing'),
  'host-replaced': ofHost(
    {},
    () =>
      'stated by the operator: this is the machine that had this name before, or that one no ' +
      'longer runs anything',
  ),
  'host-taken-over': ofHost({}, () => 'by the operator'),
  'host-forgotten': ofHost(
    { because: farewell },
    ({ because }) => farewells[because],
    formerly(/^it (?:was a (second) name|(owned) nothing|is (destroyed))$/, (second, owned) => ({
      because: second ? 'second-name' : owned ? 'owned-nothing' : ('destroyed' as const),
    })),
  ),
  /** The host knows of an earlier run than it has acknowledged. */
  'host-fell-back': ofHost({ acknowledged: whole, knew: whole }, ({ acknowledged, knew }) =>
    knew === 0
      ? `it had acknowledged run ${acknowledged} of this ledger, and knows of none: it was ` +
        "installed anew, or fleet's folders were removed"
      : `it had acknowledged run ${acknowledged} of this ledger, and knew only ${knew}: its ` +
        'disk was put back to an earlier state, or it is a copy',
  ),
  'host-powered-off': stated,
  'host-destroyed': stated,
  'host-fenced': ofHost(
    {},
    () => 'switched off by its fence, and verified; its accounts go to other hosts',
  ),
  'destroyed-host-answers': ofHost(
    { isWiped: yesOrNo, accounts: list },
    ({ isWiped, accounts }) => {
      if (isWiped) return 'it was wiped, and nothing of fleet is there';
      if (accounts.length === 0) return 'none of its claims is outdated';
      return `its claims on ${named(accounts)} were outdated: stopped and revoked`;
    },
  ),
} as const;

const accountKinds = {
  ...stateKinds,
  /** Its host has released it, and it has no owner. */
  'account-detached': ofAccount(
    { epoch: whole },
    ({ epoch }) => `released at epoch ${epoch}`,
    formerly(/^epoch (\d{1,15})$/, (epoch) => ({ epoch: Number(epoch) })),
  ),
  /** Its old owner has stopped it for good, on behalf of a move to `to`. */
  'account-released': ofAccount(
    { to: words },
    ({ to }) => `on its way to ${to}`,
    formerly(/^on its way to (\S{1,253})$/, (to = '') => ({ to })),
  ),
  'account-adopted': ofState,
  'account-imported': ofAccount(
    { format: words, path: words },
    ({ format, path }) => `${format} from ${path}`,
  ),
  'account-returned': ofAccount({ path: words }, ({ path }) => `from ${path}`),
  'account-exported': ofAccount(
    { format: words, path: words },
    ({ format, path }) => `${format} to ${path}`,
  ),
  'account-removed': ofAccount({}, () => ''),
  'account-paused': ofAccount({}, () => 'by the operator'),
  'account-resumed': ofAccount({}, () => 'by the operator'),
  'account-pinned': ofAccount({ to: words }, ({ to }) => `to ${to}, by the operator`),
  'account-unpinned': ofAccount({}, () => 'by the operator'),
  /** `script`: null where the inventory's counts again. */
  'account-script': ofAccount({ script: orNull(words) }, ({ script }) =>
    script === null ? "the inventory's script again" : `script ${script}, by the operator`,
  ),
  'account-configured': ofAccount({ changes: list }, ({ changes }) => changes.join('; ')),
  /** Online before and after, and not in between: `lastedMs` ms. */
  'account-interrupted': ofAccount(
    { lastedMs: whole, isRestart: yesOrNo },
    ({ lastedMs, isRestart }) =>
      `not online for ${seconds(lastedMs)} s: ` +
      (isRestart ? 'its worker was restarted' : 'it had lost its connection'),
    formerly(/^not online for (\d{1,9}) s: (.*)$/, (lasted, why) => ({
      lastedMs: Number(lasted) * 1000,
      isRestart: why === 'its worker was started anew',
    })),
  ),
  /** Before the stop: without an `account-restarted` after it, the restart was interrupted. */
  'account-restarting': ofState,
  'account-restarted': ofState,
  'account-logged-in': ofAccount(
    { way: login, userId: words, keyId: words, oldKeyId: orNull(words) },
    ({ way, userId, keyId, oldKeyId }) =>
      `by ${way}, user ${userId}, key ${keyId.slice(0, 8)}` +
      (oldKeyId === null ? '' : ` in place of ${oldKeyId.slice(0, 8)}`),
  ),
  'login-begun': ofAccount({ way: login }, ({ way }) => `by ${way}`),
  'login-cancelled': ofAccount({}, () => 'its key is logged out'),
  /** The vault had lost its session. */
  'session-returned': ofAccount({ path: words }, ({ path }) => `from ${path}`),
  'allocation-failed': ofState,
  'files-left': ofBoth(
    { epoch: whole, problem: words },
    ({ epoch, problem }) => `its files of epoch ${epoch} are still there: ${problem}`,
  ),
  'ran-twice': ofBoth(
    { epoch: whole },
    ({ epoch }) => `the host RAN it at the outdated epoch ${epoch}: stopped and revoked`,
  ),
  'claim-retired': ofBoth({}, () => 'the host came back with an outdated claim, which was revoked'),
  'old-claim-stopped': ofBoth(
    {},
    () =>
      'its programs are of an earlier fleet: the unit was stopped and cannot start until they ' +
      'are upgraded',
  ),
} as const;

const trial = { accounts: list };
const stoppedTrial = { ...trial, why: words };

const fleetKinds = {
  'scripts-done': ofFleet(
    trial,
    ({ accounts }) => `new scripts are on all accounts after a trial on ${named(accounts)}`,
  ),
  'scripts-put-back': ofFleet(
    stoppedTrial,
    ({ accounts, why }) => `new scripts were put back after a trial on ${named(accounts)}: ${why}`,
  ),
  'release-done': ofFleet(
    { release: words, ...trial },
    ({ release, accounts }) =>
      `release ${release}, tried on ${named(accounts)}: on all accounts now`,
  ),
  'release-put-back': ofFleet(
    { release: words, ...stoppedTrial },
    ({ release, accounts, why }) =>
      `release ${release}, tried on ${named(accounts)}: put back: ${why}`,
  ),
  'vault-authenticated': ofFleet(
    { records: whole },
    ({ records }) => `${records} records of the vault are now authenticated`,
  ),
  'vault-key-changed': ofFleet(
    { recipient: words, formerPath: orNull(words) },
    ({ recipient, formerPath }) =>
      `the vault has a new key, ${recipient}` +
      (formerPath === null
        ? ''
        : `; the former key, which opens backups made before, is in ${formerPath}`),
  ),
  /** Before the act: what a client of fleet serve is about to do. `input`: as JSON, cut. */
  'api-act': ofFleet(
    { by: words, verb: words, input: words, job: words },
    ({ by, verb, input, job }) => `${by}: fleet ${verb} ${input}, job ${job}`,
  ),
  'token-made': ofFleet(
    { token: words, scope: words, hosts: orNull(words), by: words },
    ({ token, scope, hosts, by }) =>
      `token ${token} may ${scope}${hosts === null ? '' : ` on ${hosts}`}; made by ${by}`,
  ),
  'token-revoked': ofFleet(
    { token: words, by: words },
    ({ token, by }) => `token ${token} is not valid any more; revoked by ${by}`,
  ),
  'clock-stepped': ofFleet(
    { stepMs: whole },
    ({ stepMs }) =>
      `this machine's clock was set forward by ${seconds(stepMs)} s (or it stood still): hosts ` +
      'count as off that much later',
  ),
} as const;

/** Everything that the ledger's events can tell: a new event is one entry here. */
export const eventKinds = { ...hostKinds, ...accountKinds, ...fleetKinds } as const;
