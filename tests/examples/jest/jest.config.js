module.exports = {
  globalSetup: './setup.js',
  globalTeardown: './teardown.js',
};
