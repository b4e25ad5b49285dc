import { existsSync } from 'node:fs';
import type { AptSource } from './apt-mirrors.ts';
import { sourcesOfRelease } from './apt-mirrors.ts';

interface SuiteFacts {
  /** For people. */
  readonly name: string;
  /** VERSION_ID of its `/etc/os-release`; a suite that is not released has none. */
  readonly version: string;
  /** By fleet, without `allow_unsupported_os`. */
  readonly isSupported: boolean;
  /**
   * From 256 on systemd refuses to boot on control groups of version 1. Its hosts get the unified hierarchy, in which no controllers are left where this
   * machine itself works with version 1: CPU time is counted, memory is not, and no limit is enforced.
   */
  readonly needsUnifiedGroups: boolean;
  /** Packages of its bare tree beside those of every suite. */
  readonly packages: readonly string[];
}

const facts = {
  bullseye: { name: 'Debian 11', version: '11', isSupported: false, needsUnifiedGroups: false, packages: [] },
  bookworm: { name: 'Debian 12', version: '12', isSupported: true, needsUnifiedGroups: false, packages: [] },
  trixie: { name: 'Debian 13', version: '13', isSupported: true, needsUnifiedGroups: true, packages: [] },
  testing: { name: 'Debian testing', version: '', isSupported: false, needsUnifiedGroups: true, packages: ['sudo-rs'] },
} as const satisfies Record<string, SuiteFacts>;

/** A suite of Debian that a lab host can be made of. */
export type Suite = keyof typeof facts;

export const suites = Object.keys(facts) as readonly Suite[];

/** Hosts are made of it unless somebody asks for another one. */
export const usualSuite: Suite = 'bookworm';

export const suiteFacts = (suite: Suite): SuiteFacts => facts[suite];

/** Whether the memory of units is counted on hosts of the suite, on this machine. */
export const countsMemory = (suite: Suite): boolean => !facts[suite].needsUnifiedGroups || existsSync('/sys/fs/cgroup/cgroup.controllers');

/** Chooses the suite of all hosts of a test run. */
export const suiteVariable = 'FLEET_LAB_SUITE';

/** The suite that the environment names; {@link usualSuite} without one. Throws on a name that is none. */
export function suiteOfRun(environment: NodeJS.ProcessEnv = process.env): Suite {
  const named = environment[suiteVariable] || usualSuite;
  const suite = suites.find((known) => known === named);
  if (!suite) throw new Error(`${suiteVariable}=${named}: the lab knows ${suites.join(', ')}`);
  return suite;
}

/**
 * Where packages of the suite come from: the machine's own sources of that suite, or else its sources of the usual suite with the suite's name in
 * them, because mirrors of Debian carry all suites side by side. Empty when the machine has neither.
 */
export function sourcesOfSuite(machine: readonly AptSource[], suite: Suite): AptSource[] {
  const own = sourcesOfRelease(machine, suite);
  if (own.length > 0) return own;
  return sourcesOfRelease(machine, usualSuite).map((source) => ({ ...source, suite: source.suite.replace(usualSuite, suite) }));
}

/** The suites that a test file needs beside the lab's own: they stand in its name, as in `story.trixie.lab.test.ts`. */
export const suitesOfFile = (file: string): readonly Suite[] => suites.filter((suite) => file.includes(`.${suite}.`));
