// Writes the same log files as the native module, line by line, with no rotation.
const fs = require('node:fs');
const path = require('node:path');
const NAMES = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'];
class Logger {
  constructor(_kind, name, file) {
    this.name = name;
    this.file = file;
    this.level = 2;
    this.raw = false;
    fs.mkdirSync(path.dirname(file), { recursive: true });
  }
  #put(level, message) {
    if (level < this.level || this.gone) return;
    const line = this.raw
      ? message
      : `${new Date().toISOString().replace('T', ' ').slice(0, 23)} [${NAMES[level]}] ${message}\n`;
    try {
      fs.appendFileSync(this.file, line);
    } catch {
      /* the log folder may be gone at shutdown */
    }
  }
  trace(m) {
    this.#put(0, m);
  }
  debug(m) {
    this.#put(1, m);
  }
  info(m) {
    this.#put(2, m);
  }
  warn(m) {
    this.#put(3, m);
  }
  error(m) {
    this.#put(4, m);
  }
  critical(m) {
    this.#put(5, m);
  }
  getLevel() {
    return this.level;
  }
  setLevel(l) {
    this.level = l;
  }
  setPattern() {}
  clearFormatters() {
    this.raw = true;
  }
  flush() {}
  drop() {
    this.gone = true;
  }
}
exports.version = 11500;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = async (name, file) => new Logger('rotating', name, file);
exports.createAsyncRotatingLogger = async (name, file) => new Logger('rotating_async', name, file);
