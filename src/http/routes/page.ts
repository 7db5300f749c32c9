import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

/** Where `npm run build` leaves the page; the same from `src` and from `dist`. */
const BUILT = fileURLToPath(new URL('../../../dist/web', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The name of a built file holds the hash of its content. */
const HASHED = /^\/assets\/.+-[\w-]{8}\.\w+$/;

interface File {
  type: string;
  plain: Buffer;
  gzip: Buffer;
  cache: string;
}

/** The page at `/`. The files are read once, at the start: what is not among them does not exist, whatever the address says. */
export function addPage(app: FastifyInstance, directory = BUILT): void {
  for (const [path, { type, plain, gzip, cache }] of filesOf(directory)) {
    app.get(path, (request, reply) => {
      const packed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
      reply.type(type).header('cache-control', cache).header('vary', 'accept-encoding');
      if (packed) reply.header('content-encoding', 'gzip');
      return reply.send(packed ? gzip : plain);
    });
  }
}

/** By path. Empty where nothing was built: then there is no page, and the rest of HTTP is served. */
function filesOf(directory: string): Map<string, File> {
  if (!existsSync(directory)) return new Map();
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined);
  return new Map(
    files.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = file.slice(directory.length).replaceAll('\\', '/');
      const plain = readFileSync(file);
      const cache = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-store';
      const made: File = { type: TYPES[extname(path)]!, plain, gzip: gzipSync(plain), cache };
      return [path === '/index.html' ? '/' : path, made];
    }),
  );
}
