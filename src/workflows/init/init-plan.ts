import type { HostConfig } from '../../../hostside/protocol/host.ts';
import { FleetError } from '../../model/errors.ts';
import type { HoldPolicy, HostSpec, Inventory } from '../../model/inventory.ts';
import { hostSteps } from '../../steps/host-steps.ts';
import { type Caller, compileProgram } from '../../steps/program.ts';
import type { NarrowSudo } from '../../steps/sudo.ts';
import type { InitMaterials } from './init-materials.ts';

export interface InitOptions {
  /** Change nothing, name what is pending. */
  readonly check: boolean;
  /** Report a unified diff per file. */
  readonly diff: boolean;
  /** Upgrade all packages too. */
  readonly upgrade: boolean;
  /**
   * Ids of steps; empty: all. Refusals and warnings (host-support, ledger, identity, space,
   * foreign, memory) always run.
   */
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly caller?: Caller;
  /** Names that hosts were told last, where they were renamed since, by the name of now. */
  readonly formerNames?: ReadonlyMap<string, string>;
}

export interface PlannedStep {
  readonly id: string;
  readonly title: string;
}

/** One host's program, ready to run. */
export interface HostInitPlan {
  readonly host: HostSpec;
  readonly steps: readonly PlannedStep[];
  readonly program: string;
}

const alwaysRun = ['host-support', 'ledger', 'identity', 'space', 'foreign', 'memory'];

/**
 * What `fleet init` will do, one program per host in the order given. Pure. Error `usage` when
 * `only` or `skip` names no step of any host.
 */
export function planInit(
  inventory: Pick<Inventory, 'fleet' | 'hold' | 'hosts'> & Partial<Pick<Inventory, 'egress'>>,
  materials: Omit<InitMaterials, 'openBlob'>,
  options: InitOptions,
): readonly HostInitPlan[] {
  const known = new Set<string>();
  const plans = inventory.hosts.map((host) => {
    const steps = stepsOf(host, inventory, materials, options);
    for (const step of steps) known.add(step.id);
    const chosen = steps.filter(({ id }) => isChosen(id, options));
    const program = compileProgram(chosen, {
      mode: options.check ? 'check' : 'apply',
      diff: options.diff,
      library: chosen.some(({ id }) => id.startsWith('python-'))
        ? `${materials.library}\n${materials.pythonLibrary}`
        : materials.library,
      reportStale: true,
      ...(options.caller === undefined ? {} : { caller: options.caller }),
    });
    return { host, steps: chosen.map(({ id, title }) => ({ id, title })), program };
  });
  refuseUnknown([...options.only, ...options.skip], known);
  return plans;
}

const isChosen = (id: string, { only, skip }: InitOptions): boolean =>
  alwaysRun.includes(id) || ((only.length === 0 || only.includes(id)) && !skip.includes(id));

function refuseUnknown(named: readonly string[], known: ReadonlySet<string>): void {
  const unknown = named.filter((id) => !known.has(id));
  if (unknown.length === 0 || known.size === 0) return;
  throw new FleetError('usage', `there is no step ${unknown.join(', ')}`, {
    hint: `steps are: ${[...known].join(', ')}`,
  });
}

function stepsOf(
  host: HostSpec,
  inventory: Pick<Inventory, 'fleet' | 'hold'> & Partial<Pick<Inventory, 'egress'>>,
  materials: Omit<InitMaterials, 'openBlob'>,
  options: InitOptions,
): ReturnType<typeof hostSteps> {
  const chosen = materials.profiles[host.profile];
  if (chosen === undefined) {
    throw new FleetError('inventory', `${host.name}: there is no profile ${host.profile}`, {
      hint: 'correct profile in the inventory',
      host: host.name,
    });
  }
  return hostSteps({
    names: {
      fleet: inventory.fleet,
      name: host.name,
      former: options.formerNames?.get(host.name) ?? null,
    },
    profile: chosen.profile,
    sources: chosen.sources,
    python: chosen.python,
    showTexts: options.diff,
    timeZone: host.timeZone,
    memory: { accounts: host.maxAccounts, reserveBytes: host.limits.memoryReserveBytes },
    allowUnsupportedOs: host.allowUnsupportedOs,
    upgrade: options.upgrade,
    hostConfig: hostConfigText(inventory.fleet, host, inventory.hold),
    egress: inventory.egress ?? null,
    narrowSudo: narrowSudoOf(host),
    release: materials.bundle.release,
    runtimes: materials.runtimes,
    units: materials.bundle.units,
  });
}

const narrowSudoOf = ({ ssh }: HostSpec): NarrowSudo | null =>
  ssh.sudo === 'narrow' && ssh.user !== null
    ? { user: ssh.user, byPassword: ssh.initUser === null }
    : null;

function hostConfigText(fleet: string, host: HostSpec, hold: HoldPolicy): string {
  const config: HostConfig = {
    format: 1,
    fleet,
    host: host.name,
    holdAfterMs: hold.holdAfterMs,
    requireClockSync: hold.requireClockSync,
    settleMs: hold.settleMs,
    settleUncleanMs: hold.settleUncleanMs,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
