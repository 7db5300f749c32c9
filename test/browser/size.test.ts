import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const BUILT = 'dist/web';
const files = readdirSync(BUILT, { recursive: true, encoding: 'utf8' });
const textOf = (name: string): string => readFileSync(`${BUILT}/${name}`, 'utf8');

test('the page has at most 200 kB of JavaScript, compressed', () => {
  const scripts = files.filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(1);
  const bytes = scripts.reduce((sum, name) => sum + gzipSync(textOf(name)).length, 0);
  expect(bytes).toBeLessThanOrEqual(200_000);
});

test('nothing of the page is loaded from elsewhere', () => {
  const elsewhere = files
    .filter((name) => /\.(html|css)$/.test(name))
    .filter((name) => /(?:src|href)="(?:https?:)?\/\/|url\(["']?(?:https?:)?\/\/|@import/.test(textOf(name)));
  expect(elsewhere).toEqual([]);
});

test('no script or style stands in the document itself: the policy forbids them', () => {
  expect(textOf('index.html')).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
});
