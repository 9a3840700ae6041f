test('it says hello', async () => {
  const response = await fetch(process.env.SERVICE_URL);
  expect(await response.text()).toBe('hello\n');
});

test('it says hello again', async () => {
  const response = await fetch(process.env.SERVICE_URL);
  expect(response.status).toBe(200);
});
