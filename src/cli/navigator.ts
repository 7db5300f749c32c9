/*
 * To learn that it does not run in a browser's worker, pg asks `navigator`, which Node has since 21, and on Node 20 makes
 * a `Response`: for that Node reads the whole of fetch, a sixth of what the command takes to start. Imported before pg.
 */
if (!('navigator' in globalThis)) {
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: `Node.js/${process.versions.node.split('.')[0]}` },
    configurable: true,
  });
}
