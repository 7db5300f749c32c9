import { readIfThere, replaceFile } from './files.js';

/** `server.json`: what the next start keeps. */
export interface ServerFile {
  port: number;
  major: number;
}

/** The port of the last start. A file that is not ours to read counts as none: it only keeps a preference. */
export async function keptPort(path: string): Promise<number | undefined> {
  try {
    const { port } = JSON.parse((await readIfThere(path)) ?? '{}') as Partial<ServerFile>;
    return Number.isInteger(port) ? port : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function keepServer(path: string, server: ServerFile): Promise<void> {
  const text = `${JSON.stringify(server)}\n`;
  if ((await readIfThere(path)) !== text) await replaceFile(path, text, 0o644);
}
