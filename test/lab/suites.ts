import { existsSync } from 'node:fs';
import type { AptSource } from './packages/apt-mirrors.ts';
import { sourcesOfRelease } from './packages/apt-mirrors.ts';

interface SuiteFacts {
  /** For people. */
  readonly name: string;
  /** VERSION_ID of its `/etc/os-release`; a suite that is not released has none. */
  readonly version: string;
  /** By fleet, without `allow_unsupported_os`. */
  readonly isSupported: boolean;
  /**
   * From 256 on systemd refuses to boot on control groups of version 1. Its hosts get the unified
   * hierarchy, in which no controllers are left where this
   * machine itself works with version 1: CPU time is counted, memory is not, and no limit is
   * enforced.
   */
  readonly needsUnifiedGroups: boolean;
  /** Packages of its bare tree beside those of every suite. */
  readonly packages: readonly string[];
  /** Runs as root in the bare tree once it is there (sh); '' for nothing. */
  readonly setUp: string;
  /** Lines for apt's configuration of its hosts. */
  readonly aptSettings: readonly string[];
}

/**
 * Makes sudo-rs and uutils the programs that run, as Ubuntu does from 25.10 on (there by packages
 * of its own): Debian lays them beside sudo and GNU's. Every
 * tool that uutils has is taken, GNU's stay at hand as gnuNAME.
 */
const rustPrograms = `set -eu
tools=/usr/lib/cargo/bin/coreutils
take() { dpkg-divert --local --rename --divert "$2" --add "$1" >/dev/null; $tools/ln -s "$3" "$1"; }
take /usr/bin/sudo /usr/bin/sudo.ws /usr/lib/cargo/bin/sudo
take /usr/sbin/visudo /usr/sbin/visudo.ws /usr/lib/cargo/bin/visudo
for tool in $tools/*; do
  name=\${tool##*/}
  for folder in /usr/bin /usr/sbin; do
    [ ! -e "$folder/$name" ] || take "$folder/$name" "$folder/gnu$name" "$tool"
  done
done
`;

const facts = {
  bullseye: {
    name: 'Debian 11',
    version: '11',
    isSupported: false,
    needsUnifiedGroups: false,
    packages: [],
    setUp: '',
    aptSettings: [],
  },
  bookworm: {
    name: 'Debian 12',
    version: '12',
    isSupported: true,
    needsUnifiedGroups: false,
    packages: [],
    setUp: '',
    aptSettings: [],
  },
  trixie: {
    name: 'Debian 13',
    version: '13',
    isSupported: true,
    needsUnifiedGroups: true,
    packages: [],
    setUp: '',
    aptSettings: [],
  },
  testing: {
    name: 'Debian testing',
    version: '',
    isSupported: false,
    needsUnifiedGroups: true,
    packages: ['sudo-rs', 'rust-coreutils'],
    setUp: rustPrograms,
    // Its lists count for a week, and a mirror may stand still for longer.
    aptSettings: ['Acquire::Check-Valid-Until "false";'],
  },
} as const satisfies Record<string, SuiteFacts>;

/** A suite of Debian that a lab host can be made of. */
export type Suite = keyof typeof facts;

export const suites = Object.keys(facts) as readonly Suite[];

/** Hosts are made of it unless somebody asks for another one. */
export const usualSuite: Suite = 'bookworm';

export const suiteFacts = (suite: Suite): SuiteFacts => facts[suite];

/** Whether the memory of units is counted on hosts of the suite, on this machine. */
export const countsMemory = (suite: Suite): boolean =>
  !facts[suite].needsUnifiedGroups || existsSync('/sys/fs/cgroup/cgroup.controllers');

/** Chooses the suite of all hosts of a test run. */
export const suiteVariable = 'FLEET_LAB_SUITE';

/**
 * The suite that the environment names; {@link usualSuite} without one. Throws on a name that is
 * none.
 */
export function suiteOfRun(environment: NodeJS.ProcessEnv = process.env): Suite {
  const named = environment[suiteVariable] || usualSuite;
  const suite = suites.find((known) => known === named);
  if (!suite) throw new Error(`${suiteVariable}=${named}: the lab knows ${suites.join(', ')}`);
  return suite;
}

/**
 * Where packages of the suite come from: the machine's own sources of that suite, or else its
 * sources of the usual suite with the suite's name in
 * them, because mirrors of Debian carry all suites side by side. Empty when the machine has
 * neither.
 */
export function sourcesOfSuite(machine: readonly AptSource[], suite: Suite): AptSource[] {
  const own = sourcesOfRelease(machine, suite);
  if (own.length > 0) return own;
  return sourcesOfRelease(machine, usualSuite).map((source) => ({
    ...source,
    suite: source.suite.replace(usualSuite, suite),
  }));
}

/**
 * The suites that a test file needs beside the lab's own: they stand in its name, as in
 * `story.trixie.lab.test.ts`.
 */
export const suitesOfFile = (file: string): readonly Suite[] =>
  suites.filter((suite) => file.includes(`.${suite}.`));
