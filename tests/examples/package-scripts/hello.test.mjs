import { expect, test } from 'vitest';

const url = `http://127.0.0.1:${process.env.PORT}`;

test('it says hello', async () => {
  const response = await fetch(url);
  expect(await response.text()).toBe('hello\n');
});

test('it says hello again', async () => {
  const response = await fetch(url);
  expect(response.status).toBe(200);
});
