import type { Claim } from './claim.ts';
import type { BootVerdict, HistoryHead } from './host.ts';
import type { ContactOffer, FleetHost } from './roster.ts';

/**
 * What this release's programs on hosts understand: 2 since requests carry a roster. Hosts of
 * earlier releases do not name it.
 */
export const protocolVersion = 2;

/**
 * The root helper `fleet-host` reads ONE request as JSON on standard input and answers with JSON
 * lines: one `ActReply` per
 * act in order (and `ActProgress` lines in between), then exits: 0 all acts ok, 3 some refused or
 * failed, 2 request unreadable.
 */
export interface HostRequest {
  /**
   * 1: runs that only look, understood by every helper. 2: whatever has authority; helpers that
   * know no roster refuse it as a whole.
   */
  readonly format: 1 | 2;
  /** Absent for runs that only look (`survey`). */
  readonly authority?: AuthorityStamp;
  readonly acts: readonly HostAct[];
}

/** Which ledger speaks, and how late. */
export interface AuthorityStamp {
  readonly id: string;
  /** Taken durably in the ledger before the connection is made; 1 or more. */
  readonly serial: number;
  /** Random per run: two runs that share a serial (a restored ledger) differ here. */
  readonly nonce: string;
  /**
   * Milliseconds from the helper's start; afterwards no act begins. The helper also ends when its
   * standard input or output breaks.
   */
  readonly deadlineMs: number;
  /** Makes this ledger the host's authority although another one was. */
  readonly takeOver?: boolean;
  /**
   * Where the ledger's history stands. `isNew`: the operator has said that this one counts,
   * whatever was heard before.
   */
  readonly history?: HistoryHead & { readonly isNew?: boolean };
  /** Absent: the stamp is no contact. */
  readonly contact?: ContactOffer;
}

export interface AccountUnitLimits {
  readonly memoryMaxBytes: number;
  readonly memoryHighBytes: number;
  /** Cores, 0.5 = 50 %. */
  readonly cpuMaxCores: number;
  readonly tasksMax: number;
  /** Bytes in files of its own; absent, from a release before: no limit. */
  readonly diskMaxBytes?: number;
  /** Files and directories; absent: no limit. */
  readonly filesMax?: number;
  /** Lines an hour of one priority that the journal keeps; absent: what the unit says. */
  readonly logMax?: number;
}

/**
 * What an account is started with. `session` and `config` are texts that become credentials of the
 * unit.
 */
export interface AccountFiles {
  readonly session: string;
  readonly config: string;
  readonly limits: AccountUnitLimits;
  /**
   * A custom worker, which `fleet-run` executes behind the gate: {@link workerCommandPattern};
   * absent: the bundled worker.
   */
  readonly command?: string;
  /**
   * How long Telegram may count a connection of the custom worker that ended without a word, ms.
   * Absent: the longest default.
   */
  readonly lingerMs?: number;
}

export type HostAct =
  /** Read only: everything the host knows about claims, units and itself. Needs no authority. */
  | { readonly act: 'survey' }
  /**
   * Tells what became of the contact that the stamp offers: closures first, then the record that
   * alone shortens a hold.
   */
  | { readonly act: 'contact' }
  /**
   * A reboot is about to come: one boot that begins before `untilMs` (by the operator's clock, ms
   * since the epoch) may start accounts however long the host was
   * down. Durable when it is answered; refused without a contact, and above {@link
   * longestAnnouncementMs}. Safe to repeat.
   */
  | { readonly act: 'announce'; readonly id: string; readonly untilMs: number }
  /** Files only, no claim. */
  | (AccountFiles & {
      readonly act: 'stage';
      readonly keyId: string;
      readonly account: string;
      readonly epoch: number;
      readonly moveId: string;
    })
  /**
   * The same files and limits anew for the epoch that this host owns: settings that the operator
   * has changed. A worker that runs keeps the former ones
   * until its next start. Touches no claim. Safe to repeat, also after one that was cut off.
   */
  | (AccountFiles & {
      readonly act: 'restage';
      readonly keyId: string;
      readonly account: string;
      readonly epoch: number;
    })
  /**
   * What the account answers: the JSON of a {@link Behaviour}, as a whole, in place of the one
   * before. Touches no claim and starts nothing; a worker
   * that runs takes it up within seconds. Refused where no files of the account are. Safe to
   * repeat.
   */
  | {
      readonly act: 'configure';
      readonly keyId: string;
      readonly account: string;
      readonly behaviour: string;
    }
  /**
   * Claim `active` at `epoch`, then start of the unit. Repeating it with the same move id is no
   * act.
   */
  | {
      readonly act: 'grant';
      readonly keyId: string;
      readonly account: string;
      readonly epoch: number;
      readonly moveId: string;
      readonly vaultHash: string;
      /**
       * The state that the last owner's receipt names: the grant is refused where another one, or a
       * torn one, lies on the host.
       */
      readonly stateHash?: string;
      /**
       * Claimed but not started, and not started by a boot: an account that the operator stopped,
       * or that cannot run, moves like this.
       */
      readonly idle?: boolean;
    }
  /** Close gate, stop, prove, record. Answers the receipt. */
  | {
      readonly act: 'release';
      readonly keyId: string;
      readonly moveId: string;
      readonly epoch: number;
      readonly successor: string;
    }
  /** Size of the account's state directory, running or not. Changes nothing. */
  | { readonly act: 'weigh-state'; readonly keyId: string }
  /**
   * The state of an account that this host owns, running or not, so that it is known when the host
   * is lost. Only a small one is answered
   * ({@link smallStateBytes}), only one that did not change under the look, and not the one whose
   * hash is `unless`. Changes nothing.
   */
  | {
      readonly act: 'copy-state';
      readonly keyId: string;
      readonly epoch: number;
      readonly unless?: string;
    }
  /** One part (from 0) of the final state, once the claim is `released` at `epoch` by `moveId`. */
  | {
      readonly act: 'read-state';
      readonly keyId: string;
      readonly epoch: number;
      readonly moveId: string;
      readonly part: number;
    }
  /**
   * Replaces the account's state by the archive (base64, state-archive.ts), before the grant.
   * Repeating it after the grant is no act.
   */
  | {
      readonly act: 'put-state';
      readonly keyId: string;
      readonly epoch: number;
      readonly moveId: string;
      readonly archive: string;
    }
  /**
   * Removes staged or owned files of `epoch`; refused when the claim is active at `epoch` or newer.
   */
  | { readonly act: 'wipe'; readonly keyId: string; readonly epoch: number }
  /**
   * Makes the host durably refuse everything up to `epoch` (abort of a move whose grant may have
   * been sent). `settle`: answers only when nothing of what
   * was stopped can be heard any more, because the account may start anywhere next.
   */
  | {
      readonly act: 'revoke';
      readonly keyId: string;
      readonly account: string;
      readonly epoch: number;
      readonly moveId: string;
      readonly settle?: boolean;
    }
  /** The operator's stop and start of an owned account; the claim stays. */
  | { readonly act: 'stop'; readonly keyId: string }
  | { readonly act: 'start'; readonly keyId: string }
  /**
   * Reports status changes of these accounts until each is settled (online, or in a state that only
   * the operator ends) or `timeoutMs`.
   */
  | { readonly act: 'await'; readonly keyIds: readonly string[]; readonly timeoutMs: number };

export type ActRefusal =
  | 'authority' // lower serial, same serial with another nonce, or another authority
  | 'deadline'
  | 'busy' // another act holds the account's lock
  | 'epoch' // lower than seen, or a jump above 1000
  | 'move' // compare-and-swap on the move id failed
  | 'state' // the claim's state does not allow the act
  | 'instance' // claim of another machine
  | 'not-staged'
  | 'not-stopped' // the stop could not be proven
  | 'space'
  | 'io'
  | 'request';

export interface HostSurvey {
  readonly instanceId: string;
  readonly bootId: string;
  readonly release: string;
  readonly bootVerdict: BootVerdict | null;
  readonly authority: { readonly id: string; readonly serial: number } | null;
  readonly accounts: readonly SurveyedAccount[];
  readonly freeBytes: number;
  /**
   * How the machine differs from the one that its disk was used in before; absent: not at all, or
   * an older helper.
   */
  readonly changed?: string;
  /**
   * The fleet's hosts, as the last contact had them; absent: an older helper, or no contact yet.
   */
  readonly hosts?: readonly FleetHost[];
  /** What `init` told the host; absent: an older helper, or no readable configuration. */
  readonly config?: { readonly fleet: string; readonly host: string; readonly holdAfterMs: number };
}

export interface SurveyedAccount {
  readonly keyId: string;
  /** null: no claim file. */
  readonly claim: Claim | null;
  /** Why the claim file cannot be trusted; null when sound or absent. */
  readonly claimFault: 'torn' | 'newer-format' | 'unreadable' | null;
  readonly unit: 'active' | 'activating' | 'deactivating' | 'inactive' | 'failed';
  /** Processes of the unit, counted in its cgroup. */
  readonly processes: number;
  readonly stagedEpochs: readonly number[];
}

export type ActResult =
  | { readonly kind: 'survey'; readonly survey: HostSurvey }
  | { readonly kind: 'claim'; readonly claim: Claim }
  | { readonly kind: 'done' }
  | ContactResult
  | { readonly kind: 'awaited'; readonly accounts: readonly AwaitedAccount[] }
  | {
      readonly kind: 'state-size';
      readonly bytes: number;
      readonly files: number;
      readonly freeBytes: number;
    }
  | StatePart
  | StateCopy;

/** What a contact has closed, for the operator's eyes. Absent claims were over already. */
export interface ContactResult {
  readonly kind: 'contact';
  /**
   * The serial of this authority that the host knew before this request; 0: none. Absent: an older
   * helper, or an authority that it cannot tell.
   */
  readonly knew?: number;
  readonly closed: readonly {
    readonly keyId: string;
    readonly account: string;
    readonly epoch: number;
    readonly wasRunning: boolean;
  }[];
}

/** A slice of an archived state: the parts in order, joined, are the archive. */
export interface StatePart {
  readonly kind: 'state-part';
  readonly part: number;
  readonly parts: number;
  /** Base64. */
  readonly data: string;
  /**
   * How long from now on the account may not start anywhere: the settle floor after its last stop,
   * ms.
   */
  readonly settleMs: number;
}

/**
 * `data` (base64, state-archive.ts): absent where it is the one that is known, too large, or
 * changes all the time.
 */
export interface StateCopy {
  readonly kind: 'state-copy';
  readonly bytes: number;
  /** SHA-256 (hex); absent where it could not be had. */
  readonly stateHash?: string;
  readonly data?: string;
}

export interface AwaitedAccount {
  readonly keyId: string;
  readonly settled: boolean;
  /** A {@link WorkerState}, or `gate` when the gate refused, or `stopped`. */
  readonly state: string;
  readonly reason: string;
}

export interface ActReply {
  readonly index: number;
  readonly ok: boolean;
  readonly result?: ActResult;
  readonly refusal?: ActRefusal;
  /** What failed and what the host found instead; no secret. */
  readonly message?: string;
  /** The claim as it stands, where the act concerned one. */
  readonly claim?: Claim | null;
}

export interface ActProgress {
  readonly progress: { readonly keyId: string; readonly state: string; readonly reason: string };
}
