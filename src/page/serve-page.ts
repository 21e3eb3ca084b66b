import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'kysely';
import { VERSIONS } from '../../migrations/0004_ownership.ts';
import { isReadable, quoteTable } from '../database/catalog.ts';
import { type ClientLike, checkPool, type PoolLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { InvalidOptionsError } from '../errors.ts';
import { inspectRuleTable } from '../inspect/inspect-database.ts';
import { completeOptions } from '../options/resolve.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { readNewestVersion } from '../tables/rule-record.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { reasonOf } from '../text.ts';
import { type PageOptions, readPage } from './create-page.ts';

/** What is served, and where. Every option has a default. */
export interface ServePageOptions extends PageOptions {
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /**
   * How often it looks whether the policy has changed, while a browser shows the page, in milliseconds. A look reads
   * the rule table; the pause is at least ten times as long as the look before. Default: 2 000.
   */
  readonly pollIntervalMs?: number | undefined;
}

/** A page that is served. */
export interface PageServer extends AsyncDisposable {
  /** Its address: `http://127.0.0.1:41234/`. */
  readonly url: string;
  /** Ends it. The pool stays open. */
  close(): Promise<void>;
}

/**
 * Serves the page of {@link createPage} to browsers on this machine: at 127.0.0.1, read-only. The page is created again
 * when the rules, their version, or the files of policy and model have changed, and a browser that shows an older page
 * says so.
 *
 * Everybody who has an account on this machine can read it.
 *
 * @param pool the database whose policy is shown; null for the definition alone. The caller ends it
 * @throws InvalidOptionsError for options that can't be used, and a port that is in use
 * @throws as createPage, which makes the first page before this resolves
 */
export async function servePage(pool: PoolLike | null, options: ServePageOptions = {}): Promise<PageServer> {
  const { checkServeShape } = await import('../options/shape.ts');
  const problems = [...(pool === null ? [] : checkPool(pool)), ...checkServeShape(options)];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  const { port = 0, pollIntervalMs = 2_000, ...rest } = options;
  const pages = new Pages(pool, rest);
  await pages.current();
  const watchers = new Watchers(() => pages.version(), pollIntervalMs);
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => {
    answer(request, response, server, pages, watchers).catch((error: unknown) =>
      sendText(response, 503, `The page can't be made: ${reasonOf(error)}.`),
    );
  });
  await listen(server, port);
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await pages.settled();
  };
  return { url: `http://127.0.0.1:${portOf(server)}/`, close, [Symbol.asyncDispose]: close };
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    const message = `can't be listened on: ${reasonOf(error)}. Give another one, or none for a free one.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'port', message }]);
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

interface MadePage {
  readonly version: string;
  readonly html: string;
  readonly csp: string;
}

/**
 * The newest page, and whether it is up to date. Looks run one after the other: a pool may have only one connection.
 */
class Pages {
  readonly #pool: PoolLike | null;
  readonly #options: PageOptions;
  #page: MadePage | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(pool: PoolLike | null, options: PageOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  version(): Promise<string> {
    return this.#inTurn(() => readPageVersion(this.#pool, this.#options));
  }

  current(): Promise<MadePage> {
    return this.#inTurn(async () => {
      // Read before the page, so that a change in between makes the version too old, never too new.
      const version = await readPageVersion(this.#pool, this.#options);
      if (this.#page?.version !== version) {
        const data = await readPage(this.#pool, this.#options);
        const { renderServedPage } = await import('./render-page.ts');
        this.#page = { version, ...(await renderServedPage(data, version)) };
      }
      return this.#page;
    });
  }

  async settled(): Promise<void> {
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/**
 * A text that changes with the page: it depends on the stored rules, their rows, the recorded version of the policy,
 * and the given files.
 */
async function readPageVersion(pool: PoolLike | null, options: PageOptions): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [options.policy, options.model]) {
    // Creating the page reports what is wrong with a file.
    if (typeof path === 'string') hash.update(await readFile(path).catch(() => ''));
  }
  if (pool !== null) hash.update(await readTableVersion(pool, options));
  return hash.digest('base64url');
}

async function readTableVersion(pool: PoolLike, options: PageOptions): Promise<string> {
  const { policy: _, model: _model, configureEnforcer: _configure, ...place } = options;
  const resolved: ResolvedOptions = await completeOptions(
    { ...place, policy: null, verify: false, seeders: [] },
    [],
  );
  return inspectRuleTable(pool, resolved, 'the look for changes', async ({ trx, options: located }) => {
    const { rows } = await sql<{ version: string }>`
      select coalesce(sum(hashtextextended(stored::text, 0))::text, '') as version
      from ${sql.raw(located.ruleTable.sql)} stored
    `.execute(trx);
    return `${rows[0]?.version} ${await readPolicyVersion(asClient(trx), located.ruleTable)}`;
  });
}

/** Another version may have the same rules. Null where none is recorded, or the role may not read the record. */
async function readPolicyVersion(client: ClientLike, table: RuleTable): Promise<number | null> {
  if (!(await isReadable(client, quoteTable(VERSIONS, table.schema)))) return null;
  return (await readNewestVersion(client, table))?.version ?? null;
}

/** The state that a browser gets about the page that it shows. */
type PageState = 'current' | 'changed' | 'unknown';

/** Browsers that show a page and wait for changes. */
class Watchers {
  readonly #readVersion: () => Promise<string>;
  readonly #pauseMs: number;
  /** Each with the version that it shows, and the last state that it got. */
  readonly #watchers = new Map<ServerResponse, { readonly version: string; told: PageState | null }>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(readVersion: () => Promise<string>, pauseMs: number) {
    this.#readVersion = readVersion;
    this.#pauseMs = pauseMs;
  }

  add(response: ServerResponse, version: string): void {
    this.#watchers.set(response, { version, told: null });
    response.once('close', () => this.#watchers.delete(response));
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#watchers.size === 0) return;
    this.#isLooking = true;
    clearTimeout(this.#timer);
    const began = performance.now();
    const version = await this.#readVersion().catch(() => null);
    this.#isLooking = false;
    for (const [response, watcher] of this.#watchers) {
      const state = version === null ? 'unknown' : version === watcher.version ? 'current' : 'changed';
      if (watcher.told === state) continue;
      watcher.told = state;
      response.write(`data: ${state}\n\n`);
    }
    const pauseMs = Math.max(this.#pauseMs, 10 * (performance.now() - began));
    this.#timer = setTimeout(() => void this.#look(), pauseMs).unref();
  }
}

async function answer(
  { url = '', method = '', headers }: IncomingMessage,
  response: ServerResponse,
  server: Server,
  pages: Pages,
  watchers: Watchers,
): Promise<void> {
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  // A page of another site, whose name was made to resolve to this machine, sends that name as the host.
  if (!hostsOf(portOf(server)).includes(headers.host ?? '')) {
    sendText(response, 421, `This is served as http://127.0.0.1:${portOf(server)}/ only.`);
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendText(response, 405, 'This page can only be read.');
    return;
  }
  const [path, query] = url.split('?', 2);
  if (path === '/') {
    const { html, csp } = await pages.current();
    response.setHeader('content-security-policy', `${csp}; frame-ancestors 'none'`);
    send(response, 200, 'text/html; charset=utf-8', html);
  } else if (path === '/changes') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (method === 'HEAD') response.end();
    else watchers.add(response, new URLSearchParams(query).get('version') ?? '');
  } else {
    sendText(response, 404, 'There is one page only, at /.');
  }
}

/** The hosts by which browsers ask for the page; they leave out the port 80. */
function hostsOf(port: number): string[] {
  const names = ['127.0.0.1', 'localhost'];
  return [...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])];
}

const HEADERS = [
  ['cache-control', 'no-store'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
] as const;

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${text}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
