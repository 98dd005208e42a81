/**
 * The part that runs beside the SDK, in a worker thread or in a page: carries out calls on one SDK instance and
 * reports its events and its log lines. Needs nothing but the SDK's namespace and a way to send reports.
 */
export function openRealm(TencentCloudChat, report) {
  const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
  let chat;

  for (const level of ['debug', 'info', 'log', 'warn', 'error']) {
    console[level] = (...parts) => report({ kind: 'log', level, text: parts.map(String).join(' ') });
  }

  const operations = {
    create(options) {
      chat = TencentCloudChat.create(options);
      chat.setLogLevel(0);
      for (const [name, event] of Object.entries(TencentCloudChat.EVENT)) {
        chat.on(event, ({ data } = {}) => report({ kind: 'event', name, data: plain(data) }));
      }
    },
    async call(method, ...args) {
      return plain(await chat[method](...args));
    },
  };

  return async function perform({ operation, args }) {
    try {
      return { value: await operations[operation](...args) };
    } catch (error) {
      return { error: { code: error.code, message: error.message ?? String(error) } };
    }
  };
}
