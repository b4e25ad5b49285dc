import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nthLightest } from '../../../src/planning/rebalance/typical-arrivals.ts';

it('the nth lightest is what sorting would put there', () => {
  const weights = fc.array(
    fc.oneof(fc.double({ min: 0, noNaN: true }), fc.integer({ min: 0, max: 3 })),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(weights, fc.nat(), (values, any) => {
      const n = any % values.length;
      expect(nthLightest(Float64Array.from(values), n)).toBe(Float64Array.from(values).sort()[n]);
    }),
  );
});
