// One service for all test files: inject('url') says where it is.

import { start } from 'portexec';

export default async function setup(project) {
  const service = await start(['node', 'server.js'], {
    env: { PORT: '{port}' },
    startTimeout: 3, // less than the 5 s that Vitest gives a test
  });
  project.provide('url', service.url);
  return () => service.stop();
}
