// HTTP requests to a server's monitoring port over one kept-alive connection.
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface MonitorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export class Monitor {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });

  /** `basePath` goes before every path asked for. */
  constructor(
    readonly port: number,
    readonly basePath = '',
  ) {}

  async get(path: string, method = 'GET'): Promise<MonitorAnswer> {
    return await new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: this.port,
          path: this.basePath + path,
          method,
          agent: this.#agent,
          timeout: 5000,
        },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', (text: string) => {
            body += text;
          });
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
          answer.on('error', reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${path}`)));
      asked.on('error', reject);
      asked.end();
    });
  }

  /** The parsed JSON body. Rejects when it is none. */
  async json<T = Record<string, unknown>>(path: string): Promise<T> {
    const answer = await this.get(path);
    try {
      return JSON.parse(answer.body) as T;
    } catch {
      throw new Error(`${path} answered ${answer.status}: ${answer.body}`);
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
