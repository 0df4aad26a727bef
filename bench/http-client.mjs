// One client of the load test: a kept connection and just enough HTTP/1.1 to know when an answer is complete. fetch
// costs several times as much, and the load generator shares its cores with what it measures.

import { connect } from 'node:net';

export class Client {
  #socket = null;
  #answer = null;
  #text = '';

  constructor(port, token) {
    this.port = port;
    this.token = token;
  }

  /** The status of the answer, or the name of what went wrong with the connection. */
  request(method, path, body) {
    const json = body === undefined ? '' : JSON.stringify(body);
    const type = body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n`;
    const text = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${this.token}\r\n${type}\r\n${json}`;
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#text = '';
      this.#socket ??= this.#open();
      this.#socket.write(text);
    });
  }

  close() {
    this.#socket?.destroy();
  }

  #open() {
    const socket = connect(this.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.setEncoding('latin1'); // a character for each byte
    socket.on('data', (text) => this.#read(text));
    socket.on('error', (error) => this.#finish(error.code));
    socket.on('close', () => {
      this.#socket = null;
      this.#finish('closed');
    });
    return socket;
  }

  #read(text) {
    this.#text += text;
    const head = this.#text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const headers = this.#text.slice(0, head).toLowerCase();
    const status = Number(headers.slice(9, 12));
    const length = /\r\ncontent-length: (\d+)/.exec(headers);
    const complete =
      status === 204 ||
      (length ? this.#text.length >= head + 4 + Number(length[1]) : this.#text.endsWith('\r\n0\r\n\r\n') || this.#text.endsWith('\r\n\r\n0\r\n\r\n'));
    if (!complete) return;
    if (/\r\nconnection: close/.test(headers)) {
      this.#socket.removeAllListeners('close').destroy();
      this.#socket = null;
    }
    this.#finish(status);
  }

  #finish(result) {
    const answer = this.#answer;
    this.#answer = null;
    answer?.(result);
  }
}
