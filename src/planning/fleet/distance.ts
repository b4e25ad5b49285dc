import type { Location } from '../../model/inventory.ts';

/**
 * Mean radius of the earth, km: (2a + b) / 3 of the GRS 80 ellipsoid (Moritz, Geodetic Reference
 * System 1980).
 */
const earthRadiusKm = 6371.0088;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/**
 * Great-circle distance in km by the haversine formula (Sinnott, "Virtues of the Haversine", Sky
 * and Telescope 68, 1984), which keeps
 * its precision at small distances. On a sphere: up to 0.5 % away from the ellipsoid.
 *
 *     h = sin²(Δlat / 2) + cos lat₁ × cos lat₂ × sin²(Δlon / 2);  d = 2 r × asin √h
 */
export function distanceKm(
  from: Pick<Location, 'latitude' | 'longitude'>,
  to: Pick<Location, 'latitude' | 'longitude'>,
): number {
  const latitudes = Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude));
  const h =
    Math.sin(radians(to.latitude - from.latitude) / 2) ** 2 +
    latitudes * Math.sin(radians(to.longitude - from.longitude) / 2) ** 2;
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(Math.min(1, h)));
}
