import { firewallUnits } from './firewall.ts';
import { type Step, shellWords } from './step.ts';

/**
 * Debian packages, without recommended ones, installed beside the steps that follow. Waits for
 * apt's locks and says who holds them;
 * finishes what dpkg left half configured; refreshes the index when it is older than an hour and
 * something is missing. What apt would remove or
 * set back for them is found by a simulation and refuses the step, also in check mode. ufw is left
 * out where another firewall is in use.
 */
export function packagesStep(packages: readonly string[], waitS?: number): Step {
  return {
    id: 'packages',
    title: `packages (${packages.length})`,
    background: true,
    ...(waitS === undefined ? {} : { declare: `APT_WAIT=${waitS}` }),
    looksAt: {
      packages,
      units: firewallUnits,
      paths: ['/var/lib/apt/lists', '/var/lib/apt/lists/partial', '/var/cache/apt/pkgcache.bin'],
    },
    check: `want_packages ${shellWords(packages)}`,
    apply: `put_packages ${shellWords(packages)}`,
  };
}

/**
 * Upgrades every package that has a newer version; only where it was asked for: it costs a
 * simulated upgrade to look.
 */
export function upgradeStep(): Step {
  return {
    id: 'upgrade',
    title: 'package upgrade',
    after: ['packages'],
    looksAt: {},
    check: 'want_upgrade',
    apply: 'put_upgrade',
  };
}
