// A host in a page, for tests of a plugin under node.

export class Host {
  constructor(code) {
    const log = (_level, at, size) => console.error(this.bytes(at, size).toString());
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(code), { llmhost_v2: { log } }).exports;
    this.exports._initialize?.();
  }

  bytes(at, size) {
    return Buffer.from(this.exports.memory.buffer, at, size);
  }

  /** Takes a reply; an error reply is thrown. */
  take(reply) {
    const at = Number(reply >> 32n) >>> 0, size = Number(reply & 0xffffffffn);
    const frame = Buffer.from(this.bytes(at, size));
    this.exports.llmhost_free(at, size);
    if (frame[0] !== 0) throw new Error(JSON.parse(frame.subarray(1)).message);
    return frame.subarray(1);
  }

  /** Calls an export with a number and bytes. */
  call(name, number, payload) {
    const bytes = Buffer.from(payload);
    const at = this.exports.llmhost_alloc(bytes.length);
    this.bytes(at, bytes.length).set(bytes);
    const reply = this.take(this.exports[name](number, at, bytes.length));
    this.exports.llmhost_free(at, bytes.length);
    return reply;
  }

  describe() {
    return JSON.parse(this.take(this.exports.llmhost_describe()));
  }

  configure(component, formatter, config) {
    const index = this.describe().components.findIndex((c) => c.name === component && (c.kind === "formatter") === formatter);
    return JSON.parse(this.call("llmhost_configure", index, JSON.stringify(config)));
  }

  /** The program of a loss or pooling. */
  program(component, config) {
    const { instance } = this.configure(component, false, config);
    return JSON.parse(this.call("llmhost_trace", instance, '{"op_level":1}')).program;
  }

  /** What a formatter makes of one row, whose cells are texts, null, or what a JSON column holds. */
  format(component, config, cells) {
    const { instance } = this.configure(component, true, config);
    const size = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...size(n >> 7)]);
    const bytes = (type, s) => [type, ...size(Buffer.byteLength(s)), ...Buffer.from(s)];
    const cell = (v) => (v === null ? [0] : typeof v === "string" ? bytes(1, v) : bytes(7, JSON.stringify(v)));
    return this.call("llmhost_format", instance, [1, 0, 0, 0, cells.length, ...cells.flatMap(cell)]).toString();
  }
}
