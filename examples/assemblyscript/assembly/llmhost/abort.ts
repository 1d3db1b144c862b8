// What a failed assertion or a thrown error comes to: its text goes to the host,
// which shows it, and the module ends. asconfig.json names this function.

// @ts-ignore: decorator
@external("llmhost_v2", "log")
declare function log(level: i32, pointer: usize, size: i32): void;

export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = String.UTF8.encode((message ? message : "aborted") + " at " + (file ? file : "") + ":" + line.toString());
  log(3, changetype<usize>(text), text.byteLength);
  unreachable();
}
