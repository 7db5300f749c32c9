/** A page of ours loads what is ours, and no other page shows it or reads from it. */
export const SECURITY: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // What is recorded changes: nobody keeps an answer, nor leaves one on a shared disk.
  'cache-control': 'no-store',
};
