import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mountPoint = '/sys/fs/cgroup';
/** Version 1 hierarchies that a booted system expects to find. */
const controllers = [
  'systemd',
  'unified',
  'memory',
  'cpu',
  'cpuacct',
  'pids',
  'blkio',
  'devices',
  'freezer',
];

function unified(): boolean {
  return existsSync(join(mountPoint, 'cgroup.controllers'));
}

function hierarchies(): string[] {
  return unified()
    ? [mountPoint]
    : controllers.map((name) => join(mountPoint, name)).filter((path) => existsSync(path));
}

function labGroups(lab: string): string[] {
  return hierarchies().map((path) => join(path, 'fleet-labs', lab));
}

/**
 * Makes the control groups of a host and returns them: a process that is written into each of their
 * cgroup.procs belongs to the host.
 */
export function makeHostGroups(lab: string, host: string): string[] {
  return labGroups(lab).map((group) => {
    const path = join(group, host);
    mkdirSync(path, { recursive: true });
    if (unified()) delegate([mountPoint, join(group, '..'), group]);
    return path;
  });
}

/** Version 2 gives a group only the controllers that every group above hands down. */
function delegate(groups: readonly string[]): void {
  for (const group of groups) {
    try {
      writeFileSync(join(group, 'cgroup.subtree_control'), '+cpu +memory +pids +io');
    } catch {
      // without them a host still boots; limits of its units are then not enforced
    }
  }
}

/**
 * Version 1 would give all hosts together the share of one ordinary process; this gives each host
 * that share.
 */
export function shareProcessor(lab: string, hosts: number): void {
  for (const path of [
    join(mountPoint, 'cpu/fleet-labs'),
    join(mountPoint, 'cpu/fleet-labs', lab),
  ]) {
    if (!unified() && existsSync(join(path, 'cpu.shares')))
      writeFileSync(join(path, 'cpu.shares'), String(1024 * hosts));
  }
}

/**
 * Removes all control groups of a lab whose processes are gone. Returns those that still hold a
 * process.
 */
export function removeLabGroups(lab: string): string[] {
  return labGroups(lab).filter((group) => existsSync(group) && !removeTree(group));
}

function removeTree(group: string): boolean {
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const emptied = below.map((entry) => removeTree(join(group, entry.name))).every(Boolean);
  try {
    if (emptied) rmdirSync(group);
    return emptied;
  } catch {
    return false;
  }
}

/** Labs that have control groups, living or not. */
export function labsWithGroups(): string[] {
  const names = hierarchies().flatMap((path) => {
    const parent = join(path, 'fleet-labs');
    return existsSync(parent)
      ? readdirSync(parent, { withFileTypes: true }).flatMap((entry) =>
          entry.isDirectory() ? [entry.name] : [],
        )
      : [];
  });
  return [...new Set(names)];
}

/** Removes the folder that holds all labs' groups once it is empty. */
export function removeGroupsParent(): void {
  for (const path of hierarchies()) {
    try {
      rmdirSync(join(path, 'fleet-labs'));
    } catch {
      // absent, or another lab is there
    }
  }
}
