// A service for this file alone: files run side by side.

import assert from 'node:assert';
import { after, before, test } from 'node:test';
import { start } from 'portexec';

let service;
before(async () => {
  service = await start(['node', 'server.js'], {
    env: { PORT: '{port}' },
    startTimeout: 3, // less than the 5 s of each test
  });
});
after(() => service?.stop());

test('it says hello', { timeout: 5000 }, async () => {
  const response = await fetch(service.url);
  assert.equal(await response.text(), 'hello\n');
});

test('it says hello again', { timeout: 5000 }, async () => {
  const response = await fetch(service.url);
  assert.equal(response.status, 200);
});
