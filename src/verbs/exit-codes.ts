import { FleetError, type FleetErrorCode } from '../model/errors.ts';

/** The exit codes of every command: an interface (docs/errors.md). */
export const exitCode = {
  ok: 0,
  bug: 1,
  input: 2,
  failed: 3,
  pending: 4,
  locked: 5,
  interrupted: 130,
} as const;

const byCode: Partial<Record<FleetErrorCode, number>> = {
  bug: exitCode.bug,
  usage: exitCode.input,
  inventory: exitCode.input,
  secret: exitCode.input,
  'vault-key': exitCode.input,
  'ssh-config': exitCode.input,
  'ledger-locked': exitCode.locked,
  'lock-held': exitCode.locked,
  interrupted: exitCode.interrupted,
};

/** Anything that is not a FleetError is a bug of ours. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof FleetError ? (byCode[error.code] ?? exitCode.failed) : exitCode.bug;
