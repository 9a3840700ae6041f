// A service for each test file, as this.service: files run side by side.

const { start } = require('portexec');

exports.mochaHooks = {
  async beforeAll() {
    this.service = await start(['node', 'server.js'], {
      env: { PORT: '{port}' },
      startTimeout: 3, // less than the timeout in .mocharc.json
    });
  },

  async afterAll() {
    await this.service?.stop();
  },
};
