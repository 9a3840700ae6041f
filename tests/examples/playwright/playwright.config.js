// One service for all: Playwright reads its port from portexec's line.

import { defineConfig } from '@playwright/test';

// Playwright that is killed stops nothing.  The kernel tells portexec then.
const stopWithPlaywright = 'exec setpriv --pdeathsig TERM';

export default defineConfig({
  webServer: {
    command: `${stopWithPlaywright} portexec -v -t 3 -e PORT -- node server.js`,
    wait: { stderr: /listening on 127\.0\.0\.1:(?<service_port>\d+)/ },
    gracefulShutdown: { signal: 'SIGTERM', timeout: 10000 },
  },
  use: {
    baseURL: `http://127.0.0.1:${process.env.SERVICE_PORT}`,
  },
});
