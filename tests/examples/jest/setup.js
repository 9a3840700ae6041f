// One service for all test files: SERVICE_URL says where it is.

const { start } = require('portexec');

module.exports = async () => {
  globalThis.service = await start(['node', 'server.js'], {
    env: { PORT: '{port}' },
    startTimeout: 3, // less than the 5 s that Jest gives a test
  });
  process.env.SERVICE_URL = globalThis.service.url;
};
