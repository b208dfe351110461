/** What a mock role is handed by whoever runs it. */
export interface MockIo {
  /** Takes one line of output, without its line end. */
  readonly log: (line: string) => void;
  /** Ends the role early. */
  readonly signal: AbortSignal;
  /** Told the port once the role listens: for callers who asked for port 0. */
  readonly listening?: (port: number) => void;
  /** `host:port` to dial for a URL of the server's list; the URL itself when absent. */
  readonly resolve?: (url: string) => string;
}
