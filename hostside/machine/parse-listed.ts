import { epochLimit } from '../protocol/claim.ts';
import type { FleetHost, RosterClaim } from '../protocol/roster.ts';
import { keyIdPattern, type Shape, wordPattern } from './json-shape.ts';

/** A claim as a roster lists it; mistakes go to the shape's fault. */
export const parseListed = (entry: Shape): RosterClaim => ({
  keyId: entry.text('keyId', 32, keyIdPattern),
  epoch: entry.integer('epoch', 1, epochLimit),
  moveId: entry.text('moveId', 128, wordPattern),
});

/** A host that another one remembers. */
export const parseFleetHost = (shape: Shape): FleetHost => ({
  name: shape.text('name', 128),
  instanceId: shape.text('instanceId', 128),
});
