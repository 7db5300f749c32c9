import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

/** One line instead of a table: the figure that is bounded. */
const size = {
  name: 'size',
  writeBundle(_, bundle) {
    const scripts = Object.values(bundle).filter(({ fileName }) => fileName.endsWith('.js'));
    const bytes = scripts.reduce((sum, { code }) => sum + gzipSync(code ?? '').length, 0);
    process.stderr.write(`dist/web: ${Math.ceil(bytes / 1000)} kB of JavaScript, compressed.\n`);
  },
};

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [size],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // The page's policy allows no address of its own making.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
