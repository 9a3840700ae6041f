module.exports = () => globalThis.service.stop();
