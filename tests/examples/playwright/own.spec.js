import { expect, test } from './fixtures.js';

test('a browser is told hello', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator('body')).toHaveText('hello');
});

test('so is a client', async ({ request }) => {
  const response = await request.get('/');
  expect(await response.text()).toBe('hello\n');
});
