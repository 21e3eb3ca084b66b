import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { EngineName } from '../../src/index.ts';
import {
  isEncryptionRequest,
  type MessageReader,
  readBoth,
  sqlOf,
  type WireMessage,
} from './wire-messages.ts';

/** How an engine differs from PostgreSQL, as its documents say it; Citus as it was seen to. */
interface Manner {
  /** What `version()` answers. */
  readonly version: string;
  /** Statements that are refused, wherever they stand in a message, with the SQLSTATE. */
  readonly refused: readonly (readonly [pattern: RegExp, code: string])[];
  /**
   * What a statement that makes something does to the transaction around it: `commits` it before, unless a setting says
   * otherwise; stays when it is rolled back; or must be `alone` in it. `joins` is what it does on PostgreSQL.
   */
  readonly ddl: 'commits' | 'stays' | 'alone' | 'joins';
  /** How many rows a transaction may write. */
  readonly rows?: number;
}

const NO_ADVISORY_LOCKS = [/pg_advisory_/i, '42883'] as const;
const NO_TABLE_LOCKS = [/\block\s+table\b/i, '0A000'] as const;
const NO_NOTIFICATIONS = [/\b(pg_notify|listen)\b/i, '0A000'] as const;
const NO_DEFERRED = [/\bset\s+constraints\b/i, '0A000'] as const;
const NO_ROW_SECURITY = [/\brow_security_active\b/i, '42883'] as const;
const COMMON = [NO_ADVISORY_LOCKS, NO_TABLE_LOCKS, NO_NOTIFICATIONS, NO_DEFERRED, NO_ROW_SECURITY];

const MANNERS: Readonly<Record<Exclude<EngineName, 'postgresql' | 'neon'>, Manner>> = {
  // Where the rule table is no local table: a CTE is run by itself, and its result read from a file.
  citus: {
    version: 'PostgreSQL 15.20',
    refused: [
      [/\bmaterialized\s*\(\s*select\s+from\b/i, '42601'],
      [/\bpg_advisory_xact_lock\w*\([^)]*\)\s+(else|end)\b/i, '42P16'],
      // Its result is written in one format and read in another.
      [
        /\bmaterialized\s*\(\s*select\b[^;]*\bfor\s+update\s+of\s+\w+\s*\)\s*(delete|update|insert|select)\b/i,
        '22P02',
      ],
      [/\bcreate\s+(or\s+replace\s+)?trigger\b/i, 'XX000'],
      // In a distributed schema: "functions used in UPDATE queries on distributed tables must not be VOLATILE"
      [/\bupdate\s[^;]*\sset\s[^;]*\bclock_timestamp\(\)/i, '0A000'],
    ],
    ddl: 'joins',
  },
  cockroachdb: {
    version: 'CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu)',
    refused: [
      ...COMMON,
      [/\buuid_send\b/i, '42883'],
      // "multiple modification subqueries of the same table", of which at most one may be no plain insert
      [
        /\b(?:update|delete\s+from)\s+(\S+)\s[\s\S]*\b(?:update|delete\s+from|insert\s+into)\s+\1\s/i,
        '0A000',
      ],
      [/\binsert\s+into\s+(\S+)\s[\s\S]*\b(?:update|delete\s+from)\s+\1\s/i, '0A000'],
      [/\busing\s+hash\b/i, '0A000'],
    ],
    ddl: 'commits',
  },
  yugabytedb: {
    version: 'PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu',
    refused: [...COMMON, [/\bjsonb\s+not\s+null\b/i, '0A000']],
    ddl: 'stays',
  },
  'aurora-dsql': {
    version: 'PostgreSQL 16.9',
    refused: [
      ...COMMON,
      [/\bsavepoint\b/i, '0A000'],
      [/\bset\s+local\b/i, '0A000'],
      [/\bdeclare\b/i, '0A000'],
      [/\bfor\s+update\b/i, '0A000'],
      [/\bset_config\('casbin_bootstrap\.actor'/i, '0A000'],
      [/\bserial\b/i, '0A000'],
      [/\bjsonb\s+not\s+null\b/i, '0A000'],
      [/\bisolation\s+level\s+(read\s+committed|serializable)/i, '0A000'],
      [/^\s*create\s+(unique\s+)?index\s+(?!async)/i, '0A000'],
      [/^\s*create\s+(unique\s+)?index\s.*\swhere\s/i, '0A000'],
      [/^\s*(alter\s+table.*\s(add|drop)\s+constraint|truncate|comment)\b/is, '0A000'],
    ],
    ddl: 'alone',
    rows: 3_000,
  },
};

export type SimulatedEngine = keyof typeof MANNERS;

/** A server that behaves like another engine where the two differ. `await using` closes it. */
export interface Engine extends AsyncDisposable {
  readonly name: SimulatedEngine;
  /** The given URL, through the engine. */
  readonly url: string;
  /** What was refused, in order: the first words of each statement. */
  readonly refusals: string[];
  /** Has the next transactions that write fail with 40001 as they commit. */
  failCommits(count: number): void;
  /** Has the next statement that makes something like this be answered, and not done. */
  lose(pattern: RegExp): void;
  /** The statements that were sent, in order. */
  readonly statements: string[];
}

/** Opens a proxy before the server that refuses, commits and aborts as that engine does. */
export async function openEngine(url: string, name: SimulatedEngine): Promise<Engine> {
  const target = new URL(url);
  const state = new State(MANNERS[name]);
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true });
    sockets.push(client, upstream);
    new Conversation(client, upstream, state);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy listens on no TCP port.');
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String(address.port);
  return {
    name,
    url: through.href,
    refusals: state.refusals,
    statements: state.statements,
    lose(pattern) {
      state.losing = pattern;
    },
    failCommits(count) {
      state.failing = count;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

class State {
  readonly manner: Manner;
  readonly refusals: string[] = [];
  readonly statements: string[] = [];
  failing = 0;
  losing: RegExp | null = null;

  constructor(manner: Manner) {
    this.manner = manner;
  }
}

/** What becomes of an answer: it is passed on, or kept from the client, or its error becomes another one. */
type Answer =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hide'; readonly read?: (row: string) => void }
  | { readonly kind: 'refuse'; readonly code: string; readonly message: string };

const PASS: Answer = { kind: 'pass' };
const HIDE: Answer = { kind: 'hide' };

const DDL = /^\s*(create|alter|drop|truncate|comment)\b/i;
const ROWS_WRITTEN =
  'select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_catalog.pg_stat_xact_user_tables';

class Conversation {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #state: State;
  /** What is still to be answered, in order. */
  readonly #awaited: Answer[] = [{ kind: 'pass' }];
  #batch: Answer = PASS;
  #inTransaction = false;
  #isAborted = false;
  #statements = 0;
  #hasDdl = false;
  #writes = false;
  #keepsTransaction = false;
  #writtenBefore = 0;

  constructor(client: Socket, upstream: Socket, state: State) {
    this.#client = client;
    this.#upstream = upstream;
    this.#state = state;
    readBoth(client, upstream, {
      ask: (message, asked) => this.#ask(message, asked),
      answer: (message) => this.#answer(message),
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  }

  #ask(message: WireMessage, asked: MessageReader): void {
    if (isEncryptionRequest(message)) {
      asked.expectUntyped();
      this.#client.write('N');
      return;
    }
    const { type } = message;
    if (type === 'Q') this.#askSimply(sqlOf(message) ?? '');
    else if (type === 'P') this.#parse(message);
    else {
      if (type === 'S') {
        this.#awaited.push(this.#batch);
        this.#batch = PASS;
      }
      this.#upstream.write(message.bytes);
    }
  }

  /** A query without parameters, which may hold several statements. */
  #askSimply(sql: string): void {
    this.#state.statements.push(sql);
    const refusal = this.#refusalOf(sql);
    if (refusal === null) this.#follow(sql);
    const messages = refusal === null ? this.#messagesFor(sql) : [[BROKEN, refusal] as const];
    for (const [text, answer] of messages) this.#send(text, answer);
  }

  #messagesFor(sql: string): readonly (readonly [sql: string, answer: Answer])[] {
    if (/^\s*commit\b/i.test(sql)) return this.#commit(sql);
    const isRollback = /^\s*rollback\b(?!\s+to)/i.test(sql);
    if (isRollback && this.#hasDdl && this.#state.manner.ddl === 'stays') return [['commit', PASS]];
    if (DDL.test(sql)) return this.#make(sql);
    const isCounted = this.#state.manner.rows !== undefined && this.#writes && /^\s*begin\b/i.test(sql);
    return [[this.#asSaid(sql), PASS], ...(isCounted ? [this.#countBefore()] : [])];
  }

  /** The server's count may still have what earlier transactions have written. */
  #countBefore(): readonly [sql: string, answer: Answer] {
    const read = (counted: string) => {
      this.#writtenBefore = Number(counted);
    };
    return [ROWS_WRITTEN, { kind: 'hide', read }];
  }

  #make(sql: string): readonly (readonly [sql: string, answer: Answer])[] {
    const { ddl } = this.#state.manner;
    if (this.#state.losing?.test(sql)) {
      this.#state.losing = null;
      return [['select', PASS]];
    }
    this.#hasDdl = true;
    const commitsBefore = this.#inTransaction && ddl === 'commits' && !this.#keepsTransaction;
    const isLater = /\bindex\s+async\b/i.test(sql);
    return [
      ...(commitsBefore ? [['commit', HIDE] as const] : []),
      [sql.replace(/\bindex\s+async\b/i, 'index'), isLater ? HIDE : PASS],
      ...(isLater ? [[`select 'job-1' as job_id`, PASS] as const] : []),
    ];
  }

  #commit(sql: string): readonly (readonly [sql: string, answer: Answer])[] {
    const { rows } = this.#state.manner;
    const roll = (code: string, message: string) =>
      [
        ['rollback', HIDE],
        [BROKEN, refuse(code, message)],
      ] as const;
    if (this.#writes && this.#state.failing > 0) {
      this.#state.failing -= 1;
      return roll('40001', 'change conflicts with another transaction, please retry');
    }
    if (rows === undefined || !this.#writes || this.#isAborted) return [[sql, PASS]];
    // The answer decides how the transaction ends, and the client sends nothing else before that.
    const read = (counted: string) => {
      const written = Number(counted) - this.#writtenBefore;
      const isTooMuch = written > rows;
      const end = isTooMuch
        ? roll('54000', `transaction row limit exceeded: ${written}`)
        : [[sql, PASS] as const];
      for (const [text, answer] of end) this.#send(text, answer);
    };
    return [[ROWS_WRITTEN, { kind: 'hide', read }]];
  }

  #parse(message: WireMessage): void {
    const sql = sqlOf(message) ?? '';
    this.#state.statements.push(sql);
    const refusal = this.#refusalOf(sql);
    this.#follow(sql);
    if (refusal !== null) this.#batch = refusal;
    const [name = ''] = message.body.toString('utf8').split('\0', 1);
    const rest = message.body.subarray(Buffer.byteLength(name) + 1 + Buffer.byteLength(sql) + 1);
    const text = refusal === null ? this.#asSaid(sql) : BROKEN;
    this.#upstream.write(encode('P', Buffer.concat([Buffer.from(`${name}\0${text}\0`), rest])));
  }

  #send(sql: string, answer: Answer): void {
    this.#awaited.push(answer);
    this.#upstream.write(encode('Q', Buffer.from(`${sql}\0`)));
  }

  #refusalOf(sql: string): Answer | null {
    const { manner, refusals } = this.#state;
    const refused = manner.refused.find(([pattern]) => pattern.test(sql));
    const isMixed =
      manner.ddl === 'alone' &&
      this.#inTransaction &&
      (this.#hasDdl || (DDL.test(sql) && this.#statements > 0));
    const isEnd = /^\s*(commit|rollback)\b/i.test(sql);
    if (refused === undefined && (!isMixed || isEnd)) return null;
    refusals.push(sql.trim().slice(0, 60));
    return refuse(
      refused?.[1] ?? '0A000',
      refused ? 'unsupported' : 'ddl and dml are not supported in one transaction',
    );
  }

  /** Keeps in mind what the transaction has seen so far. */
  #follow(sql: string): void {
    if (/^\s*begin\b/i.test(sql)) {
      this.#statements = 0;
      this.#hasDdl = false;
      this.#keepsTransaction = false;
      this.#writes = /read write/i.test(sql);
      this.#inTransaction = true;
    } else this.#statements += 1;
    if (sql.includes(`'autocommit_before_ddl'`)) this.#keepsTransaction = true;
  }

  #asSaid(sql: string): string {
    return sql.replaceAll(/\bversion\(\)/g, `'${this.#state.manner.version}'::text`);
  }

  #answer(message: WireMessage): void {
    const [answer = PASS] = this.#awaited;
    const { type, body } = message;
    if (type === 'Z') {
      this.#awaited.shift();
      this.#inTransaction = body[0] !== 0x49;
      this.#isAborted = body[0] === 0x45;
    }
    if (answer.kind === 'hide') {
      if (type === 'D') answer.read?.(body.subarray(6).toString('utf8'));
      return;
    }
    if (answer.kind === 'refuse' && type === 'E') this.#client.write(errorResponse(answer));
    else this.#client.write(message.bytes);
  }
}

/** A statement that PostgreSQL refuses itself, so that its transaction is aborted. */
const BROKEN = 'refused';

function refuse(code: string, message: string): Answer {
  return { kind: 'refuse', code, message };
}

function errorResponse({ code, message }: { readonly code: string; readonly message: string }): Buffer {
  return encode('E', Buffer.from(`SERROR\0VERROR\0C${code}\0M${message}\0\0`));
}

function encode(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
