import { createHash } from 'node:crypto';
import { z } from 'zod';
import { damaged } from '../files.js';

const shape = z.object({
  Files: z.array(
    z.object({
      Path: z.string().optional(),
      // Of a name that is no UTF-8, in hexadecimal.
      'Encoded-Path': z.string().optional(),
      Size: z.number(),
      'Checksum-Algorithm': z.string().optional(),
      Checksum: z.string().optional(),
    }),
  ),
  'WAL-Ranges': z.array(z.object({ Timeline: z.number(), 'Start-LSN': z.string(), 'End-LSN': z.string() })),
});

export interface ManifestFile {
  path: string;
  bytes: number;
  sha256: string;
}

export interface Manifest {
  files: ReadonlyMap<string, ManifestFile>;
  /** The log that the copy needs to become a cluster. */
  ranges: readonly { timeline: number; start: string; end: string }[];
}

/**
 * Reads PostgreSQL's list of what a base backup holds, and its checksum of itself.
 * @throws ClaireError backup_damaged
 */
export function readManifest(text: string): Manifest {
  const at = text.lastIndexOf('"Manifest-Checksum"');
  const stated = /^"Manifest-Checksum": "([0-9a-f]{64})"\}\s*$/.exec(text.slice(at))?.[1];
  if (at < 0 || createHash('sha256').update(text.slice(0, at)).digest('hex') !== stated) {
    throw damaged('backup_manifest is not the list that the server wrote.');
  }
  const read = shape.safeParse(JSON.parse(text));
  if (!read.success) throw damaged('backup_manifest is no list of files.');
  const files = read.data.Files.map((file) => ({
    path: file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('latin1'),
    bytes: file.Size,
    sha256: file.Checksum ?? '',
  }));
  return {
    files: new Map(files.map((file) => [file.path, file])),
    ranges: read.data['WAL-Ranges'].map((range) => ({
      timeline: range.Timeline,
      start: range['Start-LSN'],
      end: range['End-LSN'],
    })),
  };
}
