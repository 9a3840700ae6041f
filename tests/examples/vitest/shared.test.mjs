import { expect, inject, test } from 'vitest';

test('it says hello', async () => {
  const response = await fetch(inject('url'));
  expect(await response.text()).toBe('hello\n');
});

test('it says hello again', async () => {
  const response = await fetch(inject('url'));
  expect(response.status).toBe(200);
});
