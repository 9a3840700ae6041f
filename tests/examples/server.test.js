// A service for the tests of node, at a port that the kernel picks.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { after, before, test } = require('node:test');

let service, url;

before(async () => {
  service = spawn(
    'portexec',
    ['-p', '/dev/fd/3', '--', 'python3', 'server.py', '--port', '{port}'],
    { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const port = await new Promise((resolve, reject) => {
    service.stdio[3].once('data', resolve);
    service.once('error', reject);
    service.once('exit', () => reject(new Error('portexec has ended')));
  });
  url = `http://127.0.0.1:${Number(port)}`;
});

after(() => service.kill());

test('says hello', async () => {
  const answer = await fetch(url + '/node');
  assert.strictEqual(await answer.text(), 'hello from /node\n');
});
