import * as v from 'valibot';
import { plainExcerpt } from '../../core/data/plainText.ts';

/**
 * The Model Context Protocol over standard input and output (modelcontextprotocol.io/specification): JSON-RPC 2.0, one message a line. Only what
 * a server of tools needs: initialize, ping, tools/list, tools/call with progress, and cancellation. The published SDK would bring some ninety
 * packages (a web server, a second schema library) for these five messages.
 */

/** Versions of the protocol in which these messages are the same, newest first. */
const versions = ['2025-06-18', '2025-03-26', '2024-11-05'];

export interface ToolResult {
  readonly text: string;
  readonly isError?: boolean;
}

export interface CallContext {
  readonly signal: AbortSignal;
  /** Tells the client how far the call has come, where it asked to be told. */
  readonly progress: (message: string) => void;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly readOnly: boolean;
  /** JSON Schema of an object. */
  readonly inputSchema: object;
  readonly call: (input: unknown, context: CallContext) => Promise<ToolResult>;
}

export interface ServerInfo {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly instructions: string;
}

type Id = string | number;

const idSchema = v.union([v.string(), v.number()]);
const messageSchema = v.looseObject({
  jsonrpc: v.literal('2.0'),
  id: v.optional(idSchema),
  method: v.optional(v.string()),
  params: v.optional(v.looseObject({})),
});
const callSchema = v.looseObject({
  name: v.string(),
  arguments: v.optional(v.looseObject({}), {}),
  _meta: v.optional(v.looseObject({ progressToken: v.optional(idSchema) })),
});
const cancelSchema = v.looseObject({ requestId: idSchema });

/** Codes of JSON-RPC. */
const codes = { parse: -32700, invalidRequest: -32600, noMethod: -32601, invalidParams: -32602, internal: -32603 };

/** Longer messages are refused: nothing that a tool takes is this long. */
const longestLine = 10_000_000;

class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** One end of a connection: takes lines, answers by `send`. Calls run side by side. */
export class McpServer {
  private readonly calls = new Map<Id, AbortController>();
  private held = '';

  constructor(
    private readonly info: ServerInfo,
    private readonly tools: readonly Tool[],
    private readonly send: (line: string) => void,
  ) {}

  /** Takes a piece of the input, which may hold several messages or a part of one. */
  receive(text: string): void {
    const lines = (this.held + text).split('\n');
    this.held = lines.pop()!;
    if (this.held.length > longestLine) {
      this.held = '';
      this.fail(null, new RpcError(codes.invalidRequest, 'the message is too long'));
    }
    for (const line of lines) if (line.trim() !== '') void this.take(line);
  }

  /** Stops what runs; nobody waits for it any more. */
  close(): void {
    for (const call of this.calls.values()) call.abort();
  }

  private async take(line: string): Promise<void> {
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      this.fail(null, new RpcError(codes.parse, 'the line is not JSON'));
      return;
    }
    const parsed = v.safeParse(messageSchema, json);
    if (!parsed.success) {
      this.fail(null, new RpcError(codes.invalidRequest, 'the line is no JSON-RPC 2.0 message'));
      return;
    }
    const { id, method, params } = parsed.output;
    if (method === undefined) return; // an answer, and nothing was asked
    if (id === undefined) {
      if (method === 'notifications/cancelled') this.cancel(params);
      return;
    }
    try {
      this.write({ id, result: await this.answer(id, method, params) });
    } catch (error) {
      this.fail(id, error);
    }
  }

  private async answer(id: Id, method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'initialize': {
        const asked = v.safeParse(v.looseObject({ protocolVersion: v.string() }), params);
        const { instructions, ...serverInfo } = this.info;
        return {
          protocolVersion:
            asked.success && versions.includes(asked.output.protocolVersion)
              ? asked.output.protocolVersion
              : versions[0],
          capabilities: { tools: {} },
          serverInfo,
          instructions,
        };
      }
      case 'ping':
        return {};
      case 'tools/list':
        return {
          tools: this.tools.map(({ name, title, description, readOnly, inputSchema }) => ({
            name,
            title,
            description,
            inputSchema,
            annotations: { title, readOnlyHint: readOnly, destructiveHint: false, openWorldHint: false },
          })),
        };
      case 'tools/call':
        return this.call(id, params);
      default:
        throw new RpcError(codes.noMethod, `there is no method "${plainExcerpt(method, 100)}"`);
    }
  }

  private async call(id: Id, params: unknown): Promise<unknown> {
    const parsed = v.safeParse(callSchema, params);
    if (!parsed.success) throw new RpcError(codes.invalidParams, 'a call needs the name of a tool');
    const { name, arguments: input, _meta } = parsed.output;
    const tool = this.tools.find((other) => other.name === name);
    if (tool === undefined) throw new RpcError(codes.invalidParams, `there is no tool "${plainExcerpt(name, 100)}"`);
    const controller = new AbortController();
    this.calls.set(id, controller);
    const token = _meta?.progressToken;
    let told = 0;
    const progress = (message: string): void => {
      if (token === undefined || controller.signal.aborted) return;
      this.write({ method: 'notifications/progress', params: { progressToken: token, progress: ++told, message } });
    };
    try {
      const { text, isError } = await tool.call(input, { signal: controller.signal, progress });
      return { content: [{ type: 'text', text }], ...(isError === true ? { isError } : {}) };
    } finally {
      this.calls.delete(id);
    }
  }

  private cancel(params: unknown): void {
    const parsed = v.safeParse(cancelSchema, params);
    if (parsed.success) this.calls.get(parsed.output.requestId)?.abort();
  }

  private fail(id: Id | null, error: unknown): void {
    const code = error instanceof RpcError ? error.code : codes.internal;
    const message = error instanceof Error ? error.message : String(error);
    this.write({ id, error: { code, message } });
  }

  private write(message: object): void {
    this.send(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}
