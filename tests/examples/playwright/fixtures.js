// A service for each worker: import test and expect from this file.

import { test as base } from '@playwright/test';
import { start } from 'portexec';

export { expect } from '@playwright/test';

export const test = base.extend({
  service: [async ({}, use) => {
    const service = await start(['node', 'server.js'], {
      env: { PORT: '{port}' },
      startTimeout: 3,
    });
    await use(service);
    await service.stop();
  }, { scope: 'worker' }],

  baseURL: ({ service }, use) => use(service.url),
});
