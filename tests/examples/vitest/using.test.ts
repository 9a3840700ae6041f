// A service for one test: it is stopped where the test ends.

import { start } from 'portexec';
import { expect, test } from 'vitest';

test('it says hello', async () => {
  await using service = await start(['node', 'server.js'], {
    env: { PORT: '{port}' },
    startTimeout: 3, // less than the 5 s that Vitest gives a test
  });
  const response = await fetch(service.url);
  expect(await response.text()).toBe('hello\n');
});
