import { quoteShell } from '../remote/shared/shell-command.ts';
import { type LooksAt, type Step, shellWords } from './step.ts';

/**
 * Who asks a host for what: whoever comes second is told, and a host that obeys another ledger
 * refuses.
 */
export interface Caller {
  /** Command as people know it, for example `init`. */
  readonly act: string;
  /** Person and machine, for example `anna@laptop`. */
  readonly by: string;
  /** Id of the ledger; null: the program may run on hosts of any ledger. */
  readonly ledger: string | null;
}

export interface ProgramOptions {
  /** `check` changes nothing and names what is pending. */
  readonly mode: 'apply' | 'check';
  /** Reports a unified diff for every file that differs. */
  readonly diff: boolean;
  /** Text of the shell library (templates/host-program), whole. */
  readonly library: string;
  /** Names the running accounts whose worker is not that of the current release (line `stale`). */
  readonly reportStale?: boolean;
  readonly caller?: Caller;
}

/**
 * Compiles `steps` in their order into the one program that a host runs. Deterministic; quotes
 * everything that is data.
 */
export function compileProgram(steps: readonly Step[], options: ProgramOptions): string {
  const all = (kind: keyof LooksAt): string =>
    shellWords([...new Set(steps.flatMap((step) => step.looksAt[kind] ?? []))]);
  return [
    options.library,
    ...(options.caller === undefined ? [] : [declareCaller(options.caller)]),
    `MODE=${options.mode} DIFF=${options.diff ? '1' : ''}`,
    `PATHS=(${all('paths')})`,
    `UNITS=(${all('units')})`,
    `PACKAGES=(${all('packages')})`,
    ...steps.map(defineStep),
    'settle_guard; gather; facts',
    ...steps.map(
      (step) =>
        'step ' +
        `${[step.id, step.background === true ? 'background' : "''", ...afterOf(step, steps)].join(' ')}`,
    ),
    ...(options.reportStale === true ? ['[[ $STOP ]] || stale_accounts'] : []),
    'finish',
    '',
  ].join('\n');
}

const declareCaller = ({ act, by, ledger }: Caller): string =>
  `ACT=${quoteShell(act)} BY=${quoteShell(by)} LEDGER=${quoteShell(ledger ?? '')}`;

/** A step that was left out by choice is not waited for. */
const afterOf = (step: Step, steps: readonly Step[]): readonly string[] =>
  (step.after ?? []).filter((id) => steps.some((other) => other.id === id));

function defineStep(step: Step): string {
  const { paths = [], units = [], packages = [] } = step.looksAt;
  const reads = [
    ...(paths.length > 0 ? ['gather_paths'] : []),
    ...(units.length > 0 ? [`gather_units ${shellWords(units)}`] : []),
    ...(packages.length > 0 ? ['gather_packages'] : []),
  ];
  return [
    ...(step.declare === undefined ? [] : [step.declare]),
    `check_${step.id}() { ${step.check}\n}`,
    `apply_${step.id}() { ${step.apply === '' ? ':' : step.apply}\n}`,
    `reads_${step.id}() { ${reads.length === 0 ? ':' : reads.join('; ')}\n}`,
  ].join('\n');
}
