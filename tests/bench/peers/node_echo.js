// node_echo PORT: Node's net. A write that cannot complete at once pauses reading until it drains.
'use strict';

const net = require('net');

const port = Number(process.argv[2]);
if (process.argv.length !== 3 || !Number.isInteger(port)) {
  console.error('usage: node_echo PORT');
  process.exit(2);
}

const server = net.createServer({allowHalfOpen: true, noDelay: true}, (socket) => {
  const resume = () => socket.resume();
  socket.on('data', (data) => {
    if (!socket.write(data)) {
      socket.pause();
      socket.once('drain', resume);
    }
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
});
server.on('error', (error) => {
  console.error(`node_echo: ${error.message}`);
  process.exit(1);
});
server.listen({host: '127.0.0.1', port, backlog: 4096}, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
