/** The mutant that is alive now; '': none. Read by the modules that `vitest.config.ts` makes. */
declare global {
  var fleetMutant: string | undefined;
}

globalThis.fleetMutant = process.env.FLEET_MUTANT ?? '';
