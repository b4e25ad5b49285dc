const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const sizePattern = /^(\d+(?:\.\d+)?)([KMG])$/;

const millisecondsOf: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const bytesOf: Readonly<Record<string, number>> = { K: 1_024, M: 1_048_576, G: 1_073_741_824 };

const scaled = (
  match: RegExpExecArray | null,
  units: Readonly<Record<string, number>>,
): number | null => {
  const factor = units[match?.[2] ?? ''];
  return factor === undefined ? null : Math.round(Number(match?.[1]) * factor);
};

/**
 * Milliseconds of `500ms`, `5s`, `10m`, `6h`, `1.5d`; null for anything else. A bare number is
 * refused: its unit would be a guess.
 */
export const parseDuration = (text: string): number | null =>
  scaled(durationPattern.exec(text), millisecondsOf);

/**
 * Bytes of `64K`, `512M`, `1.5G` with systemd's meaning of the letters (1 K = 1,024 bytes); null
 * for anything else.
 */
export const parseSize = (text: string): number | null => scaled(sizePattern.exec(text), bytesOf);

/** The shapes of {@link parseDuration} and {@link parseSize}, for the JSON Schema. */
export const unitPatterns = { duration: durationPattern, size: sizePattern } as const;
