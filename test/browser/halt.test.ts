import { describe, expect, test } from 'vitest';
import { hasChromium, PATIENT, useDesk } from './desk.js';

interface Halt {
  action: string;
  reason: string;
  actor: string;
}

const HOSTILE = '<img src=x onerror="document.title=1">late & "prices"';

describe.skipIf(!hasChromium)('halting and resuming on the page', () => {
  const desk = useDesk();

  test('who has no token is asked for one; a halt is recorded with its reason and who did it, and everybody sees it', async () => {
    const [page, other] = [await desk.open(), await desk.open()];
    await other.getByText('● Running', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Halt trading' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill(HOSTILE);
    await dialog.getByLabel('Token').fill('claire_nobody_0000');
    await dialog.getByRole('button', { name: 'Halt trading' }).click();
    // Refused, in words and with what to do; nothing that was typed is gone.
    await dialog.getByRole('alert').waitFor();
    expect(await dialog.getByLabel('Reason').inputValue()).toBe(HOSTILE);

    const made = JSON.parse(
      desk.run('tokens', 'create', 'night desk', '--role', 'claire_operator', '--json'),
    );
    await dialog.getByLabel('Token').fill(made.secret ?? made.token);
    await dialog.getByRole('button', { name: 'Halt trading' }).click();
    for (const seen of [page, other]) {
      await seen.getByText('■ Halted', { exact: true }).waitFor();
      await seen.getByText(HOSTILE).first().waitFor();
    }
    const [halt] = JSON.parse(desk.run('halts', '--json')) as Halt[];
    expect(halt).toMatchObject({ action: 'halt', reason: HOSTILE });
    expect(halt!.actor).toContain('night desk');
    // A reason is text, whatever it holds.
    expect(await page.locator('main img').count()).toBe(0);

    expect(page.url()).not.toContain('claire_');
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('claire_');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();

    await page.getByRole('button', { name: 'Resume trading' }).click();
    await dialog.getByLabel('Reason').fill('prices are back');
    await dialog.getByRole('button', { name: 'Resume trading' }).click();
    for (const seen of [page, other]) await seen.getByText('● Running', { exact: true }).waitFor();
    await other.getByText('● resumed').first().waitFor();
    const [resumed] = JSON.parse(desk.run('halts', '--json')) as Halt[];
    expect(resumed).toMatchObject({ action: 'resume', reason: 'prices are back' });

    await page.getByRole('button', { name: 'Sign out' }).click();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}');
    await page.getByText('reading only').waitFor();
  });

  test('a dialog keeps the keyboard, and gives it back where it came from', async () => {
    const page = await desk.open();
    const button = page.getByRole('button', { name: 'Halt trading' });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    const inside = 'document.querySelector("dialog").contains(document.activeElement)';
    for (let step = 0; step < 4; step++) {
      await page.keyboard.press('Tab');
      expect(await page.evaluate(`${inside} || document.activeElement === document.body`)).toBe(true);
    }
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count(), PATIENT).toBe(0);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Halt trading');
  });
});
