const assert = require('node:assert');

describe('the service', () => {
  it('says hello', async function () {
    const response = await fetch(this.service.url);
    assert.equal(await response.text(), 'hello\n');
  });

  it('says hello again', async function () {
    const response = await fetch(this.service.url);
    assert.equal(response.status, 200);
  });
});
