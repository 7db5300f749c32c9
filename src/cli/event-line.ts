import type { EventName } from '../log/index.js';
import { bytesText } from './print.js';

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** An event as people read it, its time in UTC: `12:03:01 backup verified main 3.2 MB 1.4 s`. */
export function lineOf(event: EventName, fields: Readonly<Record<string, unknown>>, at: Date): string {
  const told = Object.entries(fields).map(([name, value]) => {
    if (value === null) return '';
    if (name === 'error') return (value as { message: string }).message;
    if (name === 'bytes') return bytesText(value as number);
    if (name.endsWith('_ms')) return seconds(value as number);
    return Array.isArray(value) ? value.join(', ') : String(value);
  });
  const words = [at.toISOString().slice(11, 19), event.replaceAll('_', ' '), ...told];
  return words.filter(Boolean).join(' ').replace(/\s+/g, ' ');
}
