/**
 * Details with this value in this field, as JSON. What is a scalar of JSON (`4000`, `true`, `null`, `"4000"`) is sent as it
 * was typed, to its last digit; everything else is text.
 */
export const containing = (field: string, value: string): string =>
  `{${JSON.stringify(field)}: ${isScalar(value) ? value : JSON.stringify(value)}}`;

function isScalar(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value === null || typeof value !== 'object';
  } catch {
    return false;
  }
}
