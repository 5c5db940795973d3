// What a browser starts as a native messaging host: a pipe between its framing (four bytes of length, then JSON) and
// lines of a socket. Who is at the other end decides what is answered.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [port, ...words] = process.argv.slice(2);
const socket = connect(Number(port), '127.0.0.1');
socket.on('error', () => process.exit());
socket.on('close', () => process.exit());
socket.write(`${JSON.stringify({ words })}\n`);

createInterface({ input: socket }).on('line', (line) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(line));
  process.stdout.write(Buffer.concat([length, Buffer.from(line)]));
});

let rest = Buffer.alloc(0);
process.stdin.on('data', (part) => {
  rest = Buffer.concat([rest, part]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
    const end = 4 + rest.readUInt32LE(0);
    socket.write(`${rest.subarray(4, end)}\n`);
    rest = rest.subarray(end);
  }
});
process.stdin.on('end', () => process.exit());
