// Connects to the test process; each line is {id, code, args}: the code is run as a function of (vscode, ...args).
const net = require('node:net');
const vscode = require('vscode');

exports.activate = (context) => {
  const at = process.env.TEST_BRIDGE_SOCKET;
  if (!at) return;
  const socket = net.connect(at);
  context.subscriptions.push({ dispose: () => socket.destroy() });
  const say = (message) => socket.write(JSON.stringify(message) + '\n');
  socket.on('error', () => {});
  say({ hello: process.pid });
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    rest += text;
    for (let end; (end = rest.indexOf('\n')) >= 0; rest = rest.slice(end + 1)) {
      const { id, code, args } = JSON.parse(rest.slice(0, end));
      Promise.resolve()
        .then(() => (0, eval)(`(${code})`)(vscode, ...args))
        .then(
          (value) => say({ id, value }),
          (error) => say({ id, error: { message: String(error?.message ?? error) } }),
        );
    }
  });
};
