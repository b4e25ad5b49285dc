import type { KyselyPlugin } from 'kysely';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { ensureHosts, listHosts, recordBootstrapped } from '../../src/ledger/queries/hosts.ts';
import {
  beginAdoption,
  beginRun,
  type Run,
  type RunLock,
  takeLock,
} from '../../src/ledger/queries/runs.ts';
import { FleetError } from '../../src/model/errors.ts';
import type { HostSpec } from '../../src/model/inventory.ts';
import type { HostName } from '../../src/model/names.ts';
import { announcedForMs } from '../../src/ownership/announced-reboot.ts';
import type { HostStatement } from '../../src/ownership/safe-moment.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { exportAccount, removeAccount } from '../../src/workflows/accounts/detach-account.ts';
import { importAccounts } from '../../src/workflows/accounts/import-accounts.ts';
import { cancelLogin, executeLogin } from '../../src/workflows/accounts/login-account.ts';
import type { LoginPrompts } from '../../src/workflows/accounts/login-talk.ts';
import { planLogin } from '../../src/workflows/accounts/plan-login.ts';
import { sweepFleet } from '../../src/workflows/checkup/sweep.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import { executeAdoption, prepareAdoption } from '../../src/workflows/custody/adopt.ts';
import type { Fence } from '../../src/workflows/fence.ts';
import { planReboots } from '../../src/workflows/hosts/plan-reboots.ts';
import { readFleetView } from '../../src/workflows/hosts/read-fleet-view.ts';
import { executeReboots } from '../../src/workflows/hosts/reboot-hosts.ts';
import { recordUninstalled, refuseOwners } from '../../src/workflows/init/uninstall.ts';
import {
  executeAllocation,
  isEmptyPlan,
  planAllocation,
} from '../../src/workflows/moves/allocate.ts';
import {
  earliestFailover,
  executeFailover,
  fenceHost,
  planFailover,
} from '../../src/workflows/moves/failover.ts';
import {
  carryMoves,
  executeMoves,
  movesToResume,
} from '../../src/workflows/moves/move-accounts.ts';
import { planDrain, planMove } from '../../src/workflows/moves/plan-moves.ts';
import { planRebalanceMoves } from '../../src/workflows/moves/rebalance.ts';
import { startAccount, stopAccount } from '../../src/workflows/ownership/account-acts.ts';
import { contactAfterInit, meetDestroyed } from '../../src/workflows/ownership/meet-destroyed.ts';
import { type HostPrograms, programsToday } from './model/host-programs.ts';
import { memoryStatesOf } from './model/memory-states.ts';
import { type CallFate, ModelRemote, noWayTo, type RemoteCall } from './model/model-remote.ts';
import type { World } from './world.ts';

/** A command of the operator. */
export type Verb =
  | { readonly verb: 'status' | 'resume' | 'rebalance' }
  | {
      readonly verb: 'adopt';
      readonly without?: readonly string[];
      readonly replaced?: readonly string[];
    }
  /** `promptMs`: how long the question to the operator waits for its answer. */
  | { readonly verb: 'allocate'; readonly promptMs?: number; readonly names?: readonly string[] }
  | { readonly verb: 'sweep'; readonly isAutomatic?: boolean }
  | { readonly verb: 'move'; readonly account: string; readonly host: string }
  | { readonly verb: 'drain'; readonly host: string }
  /** `programs`: those of today, unless said otherwise; of the release before: `--rollback`. */
  | { readonly verb: 'init'; readonly host: string; readonly programs?: HostPrograms }
  | { readonly verb: 'uninstall'; readonly host: string; readonly forgetsClaims: boolean }
  | {
      readonly verb: 'reboot';
      readonly hosts: readonly string[];
      readonly isRolling?: boolean;
      readonly withinMs?: number;
    }
  /**
   * `promptMs`: how long the question to the operator waits for its answer. `stoppedMs`: how long
   * the process stands still once it has its serial.
   */
  | {
      readonly verb: 'failover';
      readonly host: string;
      readonly statement: HostStatement;
      readonly promptMs?: number;
      readonly stoppedMs?: number;
    }
  | { readonly verb: 'stop' | 'start' | 'remove' | 'export'; readonly account: string }
  /** `promptMs`: how long the owner takes to type. */
  | {
      readonly verb: 'login';
      readonly account: string;
      readonly host?: string;
      readonly promptMs?: number;
      readonly isCancelled?: boolean;
    }
  /** `as`: under another name than the session file's. */
  | { readonly verb: 'import'; readonly account: string; readonly as?: string };

export interface ControllerOptions {
  readonly name: string;
  readonly ledgerPath: string;
  readonly vault: Vault;
  readonly fateOf: (call: RemoteCall) => CallFate;
  /** Dies right after this many queries to the ledger; null: it does not. */
  readonly queriesLeft?: number | null;
  /** Takes the ledger's lock first, as the command line does. */
  readonly withLock?: boolean;
  /** It sends its requests as the release before does. */
  readonly isBefore?: boolean;
}

const forEver = new Promise<never>(() => undefined);

/**
 * One process of the CLI: the shipped workflows on a ledger, with model remotes. Killed, it never
 * acts again, and none of its promises settles.
 */
export class Controller {
  readonly name: string;
  readonly fateOf: (call: RemoteCall) => CallFate;
  readonly isBefore: boolean;
  isAlive = true;
  readonly #killed = Promise.withResolvers<void>();
  /** When it was killed: what it was doing never ends. */
  readonly killed = this.#killed.promise;
  /** Its command has ended by itself. */
  isDone = false;
  /** How many queries to the ledger it has made. */
  queries = 0;
  readonly #world: World;
  readonly #options: ControllerOptions;
  readonly #interruption = new AbortController();
  #remotes: ReadonlyMap<string, ModelRemote> = new Map();
  #ownLedger: Ledger | null = null;
  #awakeAtMs = 0;

  constructor(world: World, options: ControllerOptions) {
    this.#world = world;
    this.#options = options;
    this.name = options.name;
    this.fateOf = options.fateOf;
    this.isBefore = options.isBefore === true;
  }

  /**
   * Runs one command as the CLI does; mostly without its lock, which is a comfort: the serial has
   * to suffice. `null`, or why it failed.
   */
  async run(verb: Verb): Promise<FleetError | null> {
    const { simulation } = this.#world;
    try {
      const ledger = await this.#open();
      const context = this.#context(ledger);
      const besideTalks = verb.verb === 'sweep';
      const lock =
        this.#options.withLock === true ? await takeLock(context.ledger, 0, { besideTalks }) : null;
      const problems = await this.#act(verb, context, lock).finally(() => lock?.release());
      for (const problem of problems)
        simulation.note(`${this.name} ${problem.code}: ${problem.message}`);
      this.#world.hints = problems.map(({ hint }) => hint);
      return problems[0] ?? null;
    } catch (error) {
      if (!this.isAlive) return forEver;
      if (!(error instanceof FleetError)) throw error;
      simulation.note(`${this.name} ${error.code}: ${error.message}`);
      return error;
    } finally {
      this.isDone = this.isAlive;
      await this.#close();
    }
  }

  kill(when: string): void {
    if (!this.isAlive) return;
    this.#world.simulation.note(`${this.name} is killed ${when}`);
    this.isAlive = false;
    this.#killed.resolve();
    void this.#close();
  }

  /** Ctrl-C, once: the command ends after what is under way. */
  interrupt(): void {
    this.#world.simulation.note(`${this.name} is interrupted`);
    this.#interruption.abort();
  }

  /** The lid is closed: what arrives is handled when it opens again. */
  sleep(ms: number): void {
    this.#world.simulation.note(`${this.name} sleeps for ${ms} ms`);
    this.#awakeAtMs = this.#world.simulation.nowMs + ms;
  }

  whenAwake(act: () => void): void {
    const { simulation } = this.#world;
    if (simulation.nowMs >= this.#awakeAtMs) act();
    else simulation.at(this.#awakeAtMs - simulation.nowMs, () => this.whenAwake(act));
  }

  /**
   * One that dies between two queries may die within a transaction: it needs a connection of its
   * own, which then goes with it.
   */
  async #open(): Promise<Ledger> {
    const { ledgerPath, queriesLeft = null } = this.#options;
    if (queriesLeft === null) return this.#world.ledgerAt(ledgerPath);
    this.#ownLedger = await openLedger(ledgerPath, undefined, this.#world.serialCopyOf(ledgerPath));
    return this.#ownLedger;
  }

  async #close(): Promise<void> {
    const ledger = this.#ownLedger;
    this.#ownLedger = null;
    await ledger?.close();
  }

  #context(ledger: Ledger): FleetContext {
    const { simulation, inventory } = this.#world;
    const remotes = new Map(
      this.#world.hosts.map((host) => [
        host.name,
        new ModelRemote(this.#world.leadsTo.get(host.name) ?? host, this),
      ]),
    );
    this.#remotes = remotes;
    const plugin: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        this.queries += 1;
        if (this.queries === this.#options.queriesLeft) this.kill(`after query ${this.queries}`);
        return this.isAlive ? result : forEver;
      },
    };
    return {
      inventory,
      ledger: { ...ledger, db: ledger.db.withPlugin(plugin) },
      vault: this.#options.vault,
      logins: this.#world.logins,
      states: memoryStatesOf(this.#options.vault),
      remoteFor: (host: HostSpec) => {
        const remote = remotes.get(host.name);
        if (remote === undefined) throw new Error(`no model of ${host.name}`);
        return remote;
      },
      // its network has one way to each host
      remoteThrough: ({ name }) => noWayTo(name),
      fence: this.#fence(),
      readSecret: async () => 'an api hash',
      now: () => this.#world.operatorMs,
      pause: (ms, until) =>
        new Promise((resolve) => {
          const end = (): void => this.whenAwake(() => (this.isAlive ? resolve() : undefined));
          simulation.at(ms, end);
          until?.addEventListener('abort', end, { once: true });
        }),
      report: () => undefined,
      signal: this.#interruption.signal,
    };
  }

  #fence(): Fence {
    const world = this.#world;
    const { simulation } = world;
    const broken = () =>
      new FleetError('fence', 'the fence does not work', { hint: 'this is a simulated fence' });
    return {
      // What it has begun happens although the command may be dead by then.
      switchOff: ({ name }) =>
        new Promise((resolve, reject) => {
          simulation.at(world.chanceOf(this.name).between(100, 3_000), () => {
            const { fails } = world.fences;
            if (!fails) world.host(name).crash();
            this.whenAwake(() => {
              if (!this.isAlive) return;
              if (fails) reject(broken());
              else resolve();
            });
          });
        }),
      isOff: async ({ name }) => {
        if (world.fences.isUnknown) throw broken();
        world.askedFenceAtMs = simulation.nowMs;
        return !world.host(name).isUp;
      },
    };
  }

  /**
   * As `fleet init` goes about one host: who was declared destroyed is met first, and what has
   * changed is told in the end.
   */
  async #init(
    { host: name, programs = programsToday }: Extract<Verb, { verb: 'init' }>,
    context: FleetContext,
    begin: () => Promise<Run>,
  ) {
    const hosts = context.inventory.hosts.filter((host) => host.name === name);
    const rows = await listHosts(context.ledger.db);
    const isReturning =
      rows.some((row) => row.name === name && row.destroyed_at !== null) && !programs.isBefore;
    const met = isReturning ? await meetDestroyed(context, await begin(), hosts, true) : [];
    const remote = this.#remotes.get(name);
    await remote?.connect();
    await remote?.step('init release', (host) => host.putPrograms(programs));
    await remote?.step('init agent', (host) => host.restartAgent());
    await ensureHosts(context.ledger.db, [name]);
    await recordBootstrapped(context.ledger.db, name, context.now(), {
      ...{ release: 'r1', holdAfterMs: context.inventory.hold.holdAfterMs },
      ...{ arch: 'x64', os: 'model' },
    });
    return [...met, ...(await contactAfterInit(context, begin, hosts))];
  }

  /** As `fleet uninstall` goes about one host. */
  async #uninstall(
    { host: name, forgetsClaims }: Extract<Verb, { verb: 'uninstall' }>,
    context: FleetContext,
  ): Promise<FleetError[]> {
    const hosts = context.inventory.hosts.filter((host) => host.name === name);
    await refuseOwners(context, hosts);
    const remote = this.#remotes.get(name);
    await remote?.connect();
    const refusal = await remote?.step('uninstall close', (host) => host.closeForAccounts());
    if (typeof refusal === 'string')
      return [
        new FleetError('claim-refused', `${name}: ${refusal}`, {
          ...{ host: name as HostName, hint: 'move them away or remove them first' },
        }),
      ];
    await remote?.step('uninstall remove', (host) => host.takeOff(forgetsClaims));
    await recordUninstalled(context, [{ host: name as HostName, error: null }]);
    return [];
  }

  async #act(verb: Verb, context: FleetContext, lock: RunLock | null): Promise<FleetError[]> {
    const begin = () => beginRun(context.ledger, verb.verb, context.now());
    switch (verb.verb) {
      case 'allocate': {
        const plan = await planAllocation(context, verb.names ?? null, null);
        if (isEmptyPlan(plan)) return [];
        if (verb.promptMs !== undefined) await context.pause(verb.promptMs);
        const outcomes = await executeAllocation(context, await begin(), plan);
        return outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]));
      }
      case 'status':
        await readFleetView(context, { maxAgeMs: 0 });
        return [];
      case 'sweep': {
        const { problems, moves, grants, hosts } = await sweepFleet(
          context,
          begin,
          verb.isAutomatic,
        );
        this.#world.remedies = hosts.flatMap(({ problem, findings }) => [
          problem?.hint ?? '',
          ...findings.map(({ remedy }) => remedy),
        ]);
        return [...problems, ...problemsOf(moves), ...problemsOf(grants)];
      }
      case 'failover': {
        const safeMs = await earliestFailover(context, verb.host, verb.statement);
        if (context.now() < safeMs)
          return [new FleetError('claim-refused', `${verb.host}: too early`, { hint: 'wait' })];
        const plan = await planFailover(context, verb.host, verb.statement);
        if (verb.promptMs !== undefined) await context.pause(verb.promptMs);
        if (verb.statement === 'fenced') await fenceHost(context, verb.host);
        const run = await begin();
        if (verb.stoppedMs !== undefined) await context.pause(verb.stoppedMs);
        return problemsOf(await executeFailover(context, run, plan));
      }
      case 'adopt': {
        const adoption = await prepareAdoption(context, verb.without, verb.replaced);
        await executeAdoption(
          context,
          await beginAdoption(context.ledger, context.now(), adoption),
          adoption,
        );
        this.#world.heardAtAdoption(adoption.plan.problems);
        return [];
      }
      case 'resume':
        return problemsOf(await carryMoves(context, await begin(), await movesToResume(context)));
      case 'move':
        return problemsOf(
          await executeMoves(
            context,
            await begin(),
            await planMove(context, verb.account, verb.host),
          ),
        );
      case 'rebalance': {
        const prepared = await planRebalanceMoves(context, {
          threshold: null,
          maxMigrations: null,
          isSteady: false,
        });
        return problemsOf(await executeMoves(context, await begin(), prepared));
      }
      case 'drain':
        return problemsOf(
          await executeMoves(context, await begin(), await planDrain(context, verb.host)),
        );
      case 'init':
        return this.#init(verb, context, begin);
      case 'uninstall':
        return this.#uninstall(verb, context);
      case 'reboot': {
        const hosts = context.inventory.hosts.filter(({ name }) => verb.hosts.includes(name));
        const options = {
          withinMs: verb.withinMs ?? announcedForMs,
          isRolling: verb.isRolling === true,
        };
        const plan = await planReboots(context, hosts, options);
        if (plan.errors.length > 0) return [...plan.errors];
        return problemsOf(await executeReboots(context, await begin(), plan));
      }
      case 'start':
        await startAccount(context, await begin(), verb.account);
        return [];
      case 'stop':
        await stopAccount(context, await begin(), verb.account);
        return [];
      case 'login': {
        const plan = await planLogin(context, verb.account, 'code', verb.host ?? null);
        if (verb.isCancelled === true) {
          await cancelLogin(context, plan);
          return [];
        }
        const prompts: LoginPrompts = {
          text: async () => {
            await context.pause(verb.promptMs ?? 0);
            return '49151000001';
          },
          code: async () => ({ text: '12345' }),
          show: () => undefined,
        };
        const aside = lock?.aside ?? (<T>(meanwhile: () => Promise<T>): Promise<T> => meanwhile());
        const { problem } = await executeLogin(context, plan, { begin, aside, prompts });
        return problem === null ? [] : [problem];
      }
      case 'remove':
        await removeAccount(context, await begin(), verb.account);
        return [];
      case 'export':
        await exportAccount(
          context,
          await begin(),
          verb.account,
          'telethon-string',
          this.#world.exportPath(),
        );
        return [];
      case 'import': {
        const outcomes = await importAccounts(
          context,
          [this.#world.sessionFileOf(verb.account)],
          verb.as ?? verb.account,
        );
        return outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]));
      }
    }
  }
}

const problemsOf = (outcomes: readonly { readonly problem: FleetError | null }[]): FleetError[] =>
  outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]));
