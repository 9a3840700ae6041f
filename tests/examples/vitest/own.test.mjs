// A service for this file alone: files run side by side.

import { start } from 'portexec';
import { afterAll, beforeAll, expect, test } from 'vitest';

let service;
beforeAll(async () => {
  service = await start(['node', 'server.js'], {
    env: { PORT: '{port}' },
    startTimeout: 3, // less than the 5 s that Vitest gives a test
  });
});
afterAll(() => service?.stop());

test('it says hello', async () => {
  const response = await fetch(service.url);
  expect(await response.text()).toBe('hello\n');
});

test('it says hello again', async () => {
  const response = await fetch(service.url);
  expect(response.status).toBe(200);
});
